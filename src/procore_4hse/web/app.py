"""The pages by their addresses. A handler finds out who asks, calls, and renders; it decides nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import cache, partial
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import structlog
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route as Path
from starlette.types import ASGIApp

from procore_4hse.errors import RouteBusy, StoreBusy, StoreError, SyncError, UsageError
from procore_4hse.operations import decisions, texts
from procore_4hse.operations.choices import Choice, chosen
from procore_4hse.operations.explain import Story
from procore_4hse.settings.model import DeskAuth
from procore_4hse.store.decisions import Decider
from procore_4hse.web import pages, questions, standing, taking_back
from procore_4hse.web.access import Visitor, visitor
from procore_4hse.web.desk import LINK_COOKIE, LINK_LASTS, SIGN_IN_COOKIE, SIGN_IN_LASTS, Desk
from procore_4hse.web.keys import SIGN_IN
from procore_4hse.web.protection import Origins, Protection, TooLarge

if TYPE_CHECKING:
    from procore_4hse.web.oidc import Provider

log = structlog.get_logger()

Form = Mapping[str, str]
SEE_OTHER = 303


def create_app(desk: Desk, origins: Origins) -> ASGIApp:
    """The desk as an ASGI application that answers at these origins and nowhere else."""
    pages_ = Pages(desk)
    app = Starlette(
        routes=pages_.routes(),
        exception_handlers={
            HTTPException: pages_.http_error,
            questions.Missing: pages_.missing,
            taking_back.Forbidden: pages_.forbidden,
            SyncError: pages_.sync_error,
            TooLarge: pages_.too_large,
            Exception: pages_.failure,
        },
    )
    # Its own redirect of `/inbox/` would be made of what the request says.
    app.router.redirect_slashes = False
    return Protection(app, origins)


@cache
def templates() -> Environment:
    """Compiled once in a process, each when a page wants it first."""
    made = Environment(
        loader=PackageLoader("procore_4hse.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["say"] = texts.say
    return made


class Pages:
    """The handlers. Each that shows or decides something is called with whoever is signed in."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.templates = desk, templates()
        self.style = files("procore_4hse.web").joinpath("static", "desk.css").read_text(encoding="utf-8")

    def routes(self) -> list[Path]:
        read, change = self._reading, self._changing
        shown = [
            Path("/", read(self.today), methods=["GET"]),
            Path("/inbox", read(self.inbox), methods=["GET"]),
            Path("/inbox", change(self.inbox_search), methods=["POST"]),
            Path("/inbox/{number:int}", read(self.question), methods=["GET"]),
            Path("/inbox/{number:int}/answer", change(self.answer), methods=["POST"]),
            Path("/inbox/{number:int}/undo", change(self.undo), methods=["POST"]),
            Path("/inbox/{number:int}/snooze", change(self.snooze), methods=["POST"]),
            Path("/inbox/{number:int}/cause", read(self.cause), methods=["GET"]),
            Path("/inbox/{number:int}/cause", change(self.answer_all), methods=["POST"]),
            Path("/incidents", read(self.incidents), methods=["GET"]),
            Path("/incidents", change(self.incidents_search), methods=["POST"]),
            Path("/incidents/{record_id}", read(self.incident), methods=["GET"]),
            Path("/writes/{write_id}/undo", read(self.write), methods=["GET"]),
            Path("/writes/{write_id}/undo", change(self.take_back), methods=["POST"]),
            Path("/remembered", read(self.remembered), methods=["GET"]),
            Path("/remembered/{answer_id}/forget", change(self.forget), methods=["POST"]),
            Path("/incidents/{record_id}/apart", read(self.apart), methods=["GET"]),
            Path("/incidents/{record_id}/apart", change(self.take_apart), methods=["POST"]),
            Path("/runs", read(self.runs), methods=["GET"]),
            Path("/mapping", read(self.mapping), methods=["GET"]),
        ]
        return [*shown, *self._for_everybody()]

    def _for_everybody(self) -> list[Path]:
        """What needs no session: the style, and the ways in and out."""
        return [
            Path("/desk.css", self.css, methods=["GET"]),
            Path("/enter/{link}", self.keep_link, methods=["GET"]),
            Path("/enter", self.enter, methods=["GET"]),
            Path("/enter", self.sign_in_by_link, methods=["POST"]),
            Path("/sign-in", self.begin_sign_in, methods=["GET"]),
            Path("/signed-in", self.finish_sign_in, methods=["GET"]),
            Path("/sign-out", self.sign_out, methods=["POST"]),
        ]

    # Around the handlers ------------------------------------------------------------------------------------------

    def _reading(self, show: Callable[[Request, Visitor], Response]) -> Callable[[Request], Response]:
        def endpoint(request: Request) -> Response:
            who = self.desk.identify(request)
            return self.signed_out() if who is None else show(request, who)

        return endpoint

    def _changing(self, act: Callable[[Request, Visitor, Form], Response]) -> Callable[[Request], Awaitable[Response]]:
        reading = partial(self._act, act)

        async def endpoint(request: Request) -> Response:
            return await run_in_threadpool(reading, request, _form(await request.body()))

        return endpoint

    def _act(self, act: Callable[[Request, Visitor, Form], Response], request: Request, form: Form) -> Response:
        who = self.desk.identify(request)
        return self.signed_out() if who is None else act(request, who, form)

    def page(self, name: str, who: Visitor | None = None, status: int = 200, **context: Any) -> Response:
        decides = who is not None and any(who.decides(route) for route in who.routes(self.desk.routes))
        common = {
            "who": who and who.who,
            "decides": decides,
            "signs_out": self.desk.settings.auth is not DeskAuth.PROXY,
        }
        text = self.templates.get_template(f"{name}.html").render({**common, **context})
        return HTMLResponse(text, status)

    def message(self, name: str, status: int, **context: Any) -> Response:
        """A page that says one thing."""
        words = context.pop("words", None) or texts.say(f"{name}.words")
        return self.page("message", status=status, title=texts.say(f"{name}.title"), words=words, **context)

    # Pages --------------------------------------------------------------------------------------------------------

    def today(self, _: Request, who: Visitor) -> Response:
        return self.page("today", who, **standing.today(self.desk, who))

    def inbox(self, request: Request, who: Visitor) -> Response:
        chosen = questions.Filter(request.query_params.get("kind", ""), request.query_params.get("route", ""))
        return self.page("inbox", who, **questions.inbox(self.desk, who, chosen))

    def inbox_search(self, _: Request, who: Visitor, form: Form) -> Response:
        """A form that is sent, because what people look for, such as a name, has no place in an address."""
        chosen = questions.Filter(*(form.get(name, "") for name in ("kind", "route", "text")))
        return self.page("inbox", who, **questions.inbox(self.desk, who, chosen))

    def question(self, request: Request, who: Visitor) -> Response:
        asked = questions.find_question(self.desk, who, request.path_params["number"])
        told = questions.question(self.desk, who, asked)
        if told["tells_health"]:
            with self.desk.store.begin() as unit:
                unit.desk.log_view(asked.route.key, who.who, "question", str(asked.entry.id))
        later = questions.later(self.desk, who, asked)
        return self.page("question", who, later=later, **told)

    def cause(self, request: Request, who: Visitor) -> Response:
        asked = questions.find_question(self.desk, who, request.path_params["number"])
        return self.page("cause", who, **questions.cause(self.desk, who, questions.find_many(self.desk, who, asked)))

    def incidents(self, _: Request, who: Visitor) -> Response:
        return self.page("incidents", who, **pages.incidents(self.desk, who, None))

    def incidents_search(self, _: Request, who: Visitor, form: Form) -> Response:
        return self.page("incidents", who, **pages.incidents(self.desk, who, form.get("text", "")))

    def incident(self, request: Request, who: Visitor) -> Response:
        story = pages.find_incident(self.desk, who, request.path_params["record_id"])
        self._note_view(who, story)
        return self.page("incident", who, **pages.incident(self.desk, who, story))

    def write(self, request: Request, who: Visitor) -> Response:
        asked = self._write(request, who)
        self._note_view(who, asked.story)
        return self.page("undo", who, **taking_back.page(self.desk, asked))

    def remembered(self, _: Request, who: Visitor) -> Response:
        return self.page("remembered", who, **taking_back.answers(self.desk, who))

    def apart(self, request: Request, who: Visitor) -> Response:
        story, link = taking_back.linked(self.desk, who, request.path_params["record_id"])
        self._note_view(who, story)
        return self.page("apart", who, **taking_back.apart(story, link))

    def _note_view(self, who: Visitor, story: Story) -> None:
        """Before health data is shown, it is written down who opens it."""
        if pages.tells_health(story, who):
            with self.desk.store.begin() as unit:
                unit.desk.log_view(story.route.key, who.who, "incident", pages.record_of(story))

    def runs(self, _: Request, who: Visitor) -> Response:
        return self.page("runs", who, **standing.runs(self.desk, who))

    def mapping(self, _: Request, who: Visitor) -> Response:
        return self.page("mapping", who, **pages.mapping(self.desk, who))

    def css(self, _: Request) -> Response:
        return Response(self.style, media_type="text/css")

    # Decisions ----------------------------------------------------------------------------------------------------

    def answer(self, request: Request, who: Visitor, form: Form) -> Response:
        asked = self._to_decide(request, who)
        route, entry, page = asked.route, asked.entry, f"/inbox/{asked.entry.id}"
        given = chosen(questions.offered(self.desk, asked), form.get("choice", ""), form.get("with_id", ""))
        if given is None or form.get("shown") != questions.shown(entry):
            return self.message("moved", 409, back=page, words=questions.answered_first(self.desk, asked))
        if given.answer is None:
            decisions.snooze(self.desk.store, (route,), entry.id)
        else:
            by, note = _decider(who), form.get("note", "")
            shown = entry.item.shown
            decisions.keep(self.desk.store, (route,), entry.id, given.answer, by, shown=shown, seen=entry, note=note)
        log.info("desk.answered", question=entry.id, verb=given.verb)
        return RedirectResponse(page, SEE_OTHER)

    def answer_all(self, request: Request, who: Visitor, form: Form) -> Response:
        """One answer to all questions of a cause, as they were counted; each is checked and kept by itself."""
        asked = self._to_decide(request, who)
        many = questions.find_many(self.desk, who, asked)
        choice = chosen(many.choices(), form.get("choice", ""), "")
        if choice is None or form.get("shown") != many.shown:
            return self.message("moved", 409, back=f"/inbox/{asked.entry.id}")
        refused = list(self._keep_each(many, choice, _decider(who), form.get("note", "")))
        count = len(many.entries)
        log.info("desk.answered_all", questions=count - len(refused), verb=choice.verb)
        if refused:
            told = {"done": count - len(refused), "count": count, "why": " ".join(refused)}
            return self.message("refused", 409, words=texts.say("cause.partly", **told), back="/inbox")
        return RedirectResponse("/inbox", SEE_OTHER)

    def _keep_each(self, many: questions.Many, choice: Choice, by: Decider, note: str) -> Iterator[str]:
        """Keeps the answer to each; says why one was not kept."""
        routes = (many.first.route,)
        for entry in many.entries:
            given = many.answer(choice, entry)
            try:
                if given is None:
                    decisions.snooze(self.desk.store, routes, entry.id)
                else:
                    shown = entry.item.shown
                    decisions.keep(self.desk.store, routes, entry.id, given, by, shown=shown, seen=entry, note=note)
            except UsageError as error:
                yield str(error)

    def undo(self, request: Request, who: Visitor, _: Form) -> Response:
        asked = self._to_decide(request, who)
        decisions.take_back(self.desk.store, (asked.route,), asked.entry.id, _decider(who))
        log.info("desk.taken_back", question=asked.entry.id)
        return RedirectResponse(f"/inbox/{asked.entry.id}", SEE_OTHER)

    def snooze(self, request: Request, who: Visitor, form: Form) -> Response:
        asked = self._to_decide(request, who)
        decisions.snooze(self.desk.store, (asked.route,), asked.entry.id, questions.day(form.get("until", "")))
        log.info("desk.put_off", question=asked.entry.id)
        return RedirectResponse(f"/inbox/{asked.entry.id}", SEE_OTHER)

    def take_back(self, request: Request, who: Visitor, form: Form) -> Response:
        number = taking_back.keep(self.desk, self._write(request, who), _decider(who), form.get("note", ""))
        log.info("desk.write_taken_back", question=number)
        return RedirectResponse(f"/inbox/{number}", SEE_OTHER)

    def forget(self, request: Request, who: Visitor, _: Form) -> Response:
        taking_back.forget(self.desk, who, request.path_params["answer_id"], _decider(who))
        log.info("desk.forgotten")
        return RedirectResponse("/remembered", SEE_OTHER)

    def take_apart(self, request: Request, who: Visitor, form: Form) -> Response:
        story, link = taking_back.linked(self.desk, who, request.path_params["record_id"])
        page = f"/incidents/{link.procore_id}"
        if form.get("shown") != link.fourhse_id:
            return self.message("moved", 409, back=page)
        taking_back.take_apart(self.desk, story, link)
        log.info("desk.taken_apart")
        return RedirectResponse(page, SEE_OTHER)

    def _write(self, request: Request, who: Visitor) -> taking_back.Asked:
        """The write of this address, for somebody who may take it back."""
        asked = taking_back.find_write(self.desk, who, request.path_params["write_id"])
        if not who.decides(asked.route):
            raise HTTPException(403)
        return asked

    def _to_decide(self, request: Request, who: Visitor) -> questions.Asked:
        """The question of this address, for somebody who may answer it."""
        asked = questions.find_question(self.desk, who, request.path_params["number"])
        if not who.decides(asked.route):
            raise HTTPException(403)
        return asked

    # In and out ---------------------------------------------------------------------------------------------------

    def keep_link(self, request: Request) -> Response:
        """Takes the key out of the address, and so out of the history, before anything is shown. Uses up nothing."""
        link = request.path_params["link"]
        if self.desk.link_holder(link) is None:
            return self.message("used", 403)
        response = RedirectResponse("/enter", SEE_OTHER)
        self.desk.give_cookie(response, LINK_COOKIE, link, LINK_LASTS)
        return response

    def enter(self, request: Request) -> Response:
        holder = self.desk.link_holder(self._cookie(request, LINK_COOKIE))
        return self.message("used", 403) if holder is None else self.page("enter", holder=holder)

    def sign_in_by_link(self, request: Request) -> Response:
        response = RedirectResponse("/", SEE_OTHER)
        self.desk.take_cookie(response, LINK_COOKIE)
        if not self.desk.sign_in_by_link(self._cookie(request, LINK_COOKIE), response):
            return self.message("used", 403)
        log.info("desk.signed_in")
        return response

    def begin_sign_in(self, _: Request) -> Response:
        begun = self._provider().begin()
        until = self.desk.clock() + SIGN_IN_LASTS
        response = RedirectResponse(begun.url, SEE_OTHER)
        remembered = self.desk.keys.signed(SIGN_IN, begun.remembered, until=until)
        self.desk.give_cookie(response, SIGN_IN_COOKIE, remembered, SIGN_IN_LASTS)
        return response

    def finish_sign_in(self, request: Request) -> Response:
        provider = self._provider()
        cookie = self._cookie(request, SIGN_IN_COOKIE)
        remembered = self.desk.keys.opened(SIGN_IN, cookie, self.desk.clock())
        if remembered is None or request.query_params.get("state") != remembered["state"]:
            return self.message("failed", 403)
        found = provider.finish(request.query_params.get("code", ""), remembered, self.desk.clock())
        somebody = visitor(found.who, found.names, self.desk.rules)
        response: Response = RedirectResponse("/", SEE_OTHER)
        if somebody is None:
            response = self.message("no_right", 403)
        else:
            self.desk.sign_in(somebody, response)
            log.info("desk.signed_in")
        self.desk.take_cookie(response, SIGN_IN_COOKIE)
        return response

    def sign_out(self, request: Request) -> Response:
        response = RedirectResponse("/", SEE_OTHER)
        self.desk.sign_out(request, response)
        return response

    def signed_out(self) -> Response:
        way = self.desk.settings.auth.value
        return self.page("signed_out", status=401, way=way)

    def _provider(self) -> Provider:
        if self.desk.settings.auth is not DeskAuth.OIDC:
            raise questions.Missing
        from procore_4hse.web.oidc import Provider

        return Provider(self.desk.settings)

    def _cookie(self, request: Request, name: str) -> str:
        return request.cookies.get(self.desk.cookie(name), "")

    # Errors -------------------------------------------------------------------------------------------------------

    def http_error(self, _: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        return self.message("missing" if status == 404 else "refused", status, words=texts.say("missing.words"))

    def missing(self, _: Request, __: Exception) -> Response:
        return self.message("missing", 404)

    def forbidden(self, _: Request, __: Exception) -> Response:
        return self.message("refused", 403, words=texts.say("missing.words"))

    def too_large(self, _: Request, __: Exception) -> Response:
        return self.message("refused", 413, words=texts.say("failed.words"))

    def sync_error(self, request: Request, error: Exception) -> Response:
        """Our own sentences, which hold nothing of a record and end in the next step."""
        if isinstance(error, UsageError):
            number = request.path_params.get("number")
            return self.message("refused", 409, words=str(error), back=f"/inbox/{number}" if number else None)
        log.warning("desk.not_shown", error=error)
        busy = isinstance(error, StoreBusy | StoreError | RouteBusy)
        return self.message("failed", 503 if busy else 403, words=str(error))

    def failure(self, _: Request, error: Exception) -> Response:
        log.error("desk.failed", error=error)
        return self.message("failed", 500)


def _decider(who: Visitor) -> Decider:
    return Decider(who.who, "web")


def _form(body: bytes) -> Form:
    """The first value of each field; a body that is no form of ours has none."""
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=20)
    except ValueError:
        return {}
    return dict(reversed(pairs))
