"""Who is told that something is wrong, or that a person is needed: once for each cause, and once more when it is over.

What was told stands in the store, so that any number of processes tell it once. A message names routes as the
configuration does, counts and kinds; nothing of what a record says, and nobody.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from procore_4hse.engine.report import CREDENTIALS, PERMISSIONS
from procore_4hse.models import Side
from procore_4hse.operations.status import Terms, cadence_of
from procore_4hse.operations.texts import counted, say
from procore_4hse.route import Route
from procore_4hse.runtime import Runtime
from procore_4hse.settings.model import Settings
from procore_4hse.store.alerts import Told
from procore_4hse.store.inbox import Waiting, waiting
from procore_4hse.store.repository import Store, Unit
from procore_4hse.store.standing import Stand

log = structlog.get_logger()

Channel = tuple[str, ...]
"""The addresses that one message goes to."""
Send = Callable[[Channel, str, str], bool]
"""Sends a title and a text; False when not all of it arrived."""

STOPPED, FAILED, OLD, BUDGET, QUESTIONS = "stopped", "failed", "old", "budget", "questions"
"""Causes, beside those of `fault_of`. Questions are news: nobody hears that they are over."""
OF_CYCLES = (CREDENTIALS, PERMISSIONS, STOPPED, FAILED)
"""Over once a cycle came as far as to count, and did not end in it again."""
OVER = {
    CREDENTIALS: "{side} accepts our credentials again",
    PERMISSIONS: "{side} allows again what it refused",
    STOPPED: "No longer stopped",
    FAILED: "Cycles get through again",
    OLD: "No question waits for too long any more",
    BUDGET: "The calls that are allowed bear the wished cadence again",
}
UNITS = ((timedelta(hours=1), "hour"), (timedelta(minutes=1), "minute"), (timedelta(seconds=1), "second"))
NAMED = 5
"""So many routes are named in one sentence."""
LINES = 40
"""So many sentences stand in one message."""


@dataclass
class Cause:
    """Something that is wrong now, on these routes."""

    sentence: str
    routes: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Change:
    """What becomes of a cause: who knows of it afterwards, and what each channel is told."""

    cause: str
    before: Told | None
    routes: frozenset[str]
    newest: int = 0
    sentences: Mapping[Channel, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Watch:
    """Looks at the store and tells. `channels` are by the keys of the routes; a route without one is not watched."""

    store: Store
    routes: Mapping[str, Route]
    terms: Terms
    channels: Mapping[str, Channel]
    question_age: timedelta
    link: str
    """The desk's address; empty where nobody knows it."""
    send: Send
    stopping: Callable[[], bool] = lambda: False

    @classmethod
    def of(cls, settings: Settings, runtime: Runtime, routes: Sequence[Route], send: Send) -> Watch:
        """`routes` are those of the settings, in their order."""
        everybody = tuple(each.get_secret_value() for each in settings.alerts.urls)
        own = (tuple(url.get_secret_value() for url in each.alerts) for each in settings.routes)
        channels = {route.key: urls or everybody for route, urls in zip(routes, own, strict=True) if route.enabled}
        told = {key: channel for key, channel in channels.items() if channel}
        by_key = {route.key: route for route in routes}
        age, link = settings.alerts.question_age, settings.desk.base_url
        return cls(runtime.store, by_key, Terms.of(settings), told, age, link, send, runtime.stopping)

    def look(self) -> None:
        """Tells what is new and what is over. Raises StoreError and StoreBusy; a message that fails is sent again."""
        with self.store.read() as unit:
            if not any(self._changes(unit)):  # Nearly always; and nothing is written then.
                return
        with self.store.begin() as unit:
            unit.alerts.one_at_a_time()
            changes = list(self._changes(unit))
            for change in changes:
                unit.alerts.tell(change.cause, change.routes, change.newest)
        told: dict[Channel, list[Change]] = {}
        for change in changes:
            for channel in change.sentences:
                told.setdefault(channel, []).append(change)
        # No message waits for the store: a failure there would lose those that are still to go.
        for channel in [each for each in sorted(told) if not self._is_sent(each, told[each])]:
            log.warning("alerts.not_sent", messages=len(told[channel]))
            self._tell_again(channel, told[channel])

    def _is_sent(self, channel: Channel, told: Sequence[Change]) -> bool:
        """What fails in any way was not sent."""
        if self.stopping():
            return False
        try:
            return self.send(channel, *self._message([change.sentences[channel] for change in told]))
        except Exception as error:
            log.exception("alerts.failed", error=error)
            return False

    def _message(self, sentences: Sequence[str]) -> tuple[str, str]:
        """A title and a text."""
        more = [f"and {len(sentences) - LINES} more"] if len(sentences) > LINES else []
        where = f"Look at it: {self.link}" if self.link else "Look at it: procore-4hse status, procore-4hse inbox"
        title = sentences[0] if len(sentences) == 1 else f"{len(sentences)} messages"
        return f"Procore and 4HSE: {title}", "\n".join([*sentences[:LINES], *more, "", where])

    def _tell_again(self, channel: Channel, told: Sequence[Change]) -> None:
        """What did not arrive counts as not told."""
        theirs = {key for key, each in self.channels.items() if each == channel}
        with self.store.begin() as unit:
            unit.alerts.one_at_a_time()
            known = unit.alerts.told()
            for change in told:
                before, now = change.before, known.get(change.cause)
                others = now.routes - theirs if now else frozenset()
                again = before.routes & theirs if before else frozenset()
                unit.alerts.tell(change.cause, others | again, before.newest if before else 0)

    # What to tell -------------------------------------------------------------------------------------------------

    def _changes(self, unit: Unit) -> Iterator[Change]:
        known, keys = unit.alerts.told(), [*self.channels]
        stands, questions = unit.standings.of(keys), waiting(unit.connection, keys, unit.now)
        causes = self._causes(unit, stands, questions)
        for cause in sorted(causes.keys() | {cause for cause in known if not cause.startswith(QUESTIONS)}):
            wrong, before = causes.get(cause), known.get(cause)
            change = self._begun(cause, wrong, before) if wrong else self._over(cause, before, stands)
            if change is not None:
                yield change
        yield from self._asked(unit, questions, known)

    def _begun(self, cause: str, wrong: Cause, before: Told | None) -> Change | None:
        """A channel that knows of it from one route is told no second time."""
        told = before.routes if before else frozenset()
        if wrong.routes <= told:
            return None
        reached = {self.channels[key] for key in told & self.channels.keys()}
        fresh = {self.channels[key] for key in wrong.routes - told} - reached
        sentences = {each: f"{wrong.sentence} {self._named(wrong.routes, each)}" for each in fresh}
        return Change(cause, before, told | wrong.routes, sentences=sentences)

    def _over(self, cause: str, before: Told | None, stands: Mapping[str, Stand]) -> Change | None:
        """Of another configuration's routes nothing is known here, so what was told of them stays."""
        kind = cause.partition(":")[0]
        ours = before.routes & self.channels.keys() if before else frozenset()
        is_unknown = _of_cycles(kind) and not all(_got_through(stands.get(key)) for key in ours)
        if before is None or not ours or is_unknown:
            return None
        begun = OVER[_kind(kind)].format(side=_side(kind))
        sentences = {each: f"Over: {begun}. {self._named(ours, each)}" for each in {self.channels[key] for key in ours}}
        return Change(cause, before, before.routes - ours, sentences=sentences)

    def _asked(self, unit: Unit, questions: Sequence[Waiting], known: Mapping[str, Told]) -> Iterator[Change]:
        """What is new since the last message, one sentence for each route."""
        newest: Counter[str] = Counter()
        for each in questions:
            newest[each.route] = max(each.newest, newest[each.route])
        for route, number in sorted(newest.items()):
            cause = f"{QUESTIONS}:{route}"
            before = known.get(cause)
            if before is not None and number <= before.newest:
                continue
            kinds = unit.alerts.asked_since(route, before.newest if before else 0)
            sentences = {self.channels[route]: _news(kinds, self.routes[route].name)} if kinds else {}
            yield Change(cause, before, frozenset((route,)), number, sentences)

    # What is wrong ------------------------------------------------------------------------------------------------

    def _causes(self, unit: Unit, stands: Mapping[str, Stand], questions: Sequence[Waiting]) -> dict[str, Cause]:
        causes: dict[str, Cause] = {}
        for key, stand in stands.items():
            if found := self._of_cycle(unit, stand):
                causes.setdefault(found[0], Cause(found[1])).routes.add(key)
        for each in questions:
            if each.oldest is not None and unit.now - each.oldest > self.question_age:
                causes[f"{OLD}:{each.route}"] = Cause(f"A question waits for more than {self._age}.", {each.route})
        if short := self._short_of_calls(unit):
            causes[BUDGET] = Cause(short, {*self.channels})
        return causes

    def _of_cycle(self, unit: Unit, stand: Stand) -> tuple[str, str] | None:
        """The cause that a route's last cycle shows, and its sentence. Reasons hold nothing that a record says."""
        reason = stand.reason or ""
        if stand.fault is not None and stand.fault.startswith(CREDENTIALS):
            return stand.fault, reason  # One credential for many routes is one cause.
        if stand.fault is not None:
            return f"{stand.fault}:{stand.route}", reason
        if stand.outcome in (STOPPED, FAILED):
            return f"{stand.outcome}:{stand.route}", f"{stand.outcome.capitalize()}: {reason}"
        if stand.outcome == "partial" and self._is_late(unit, stand):
            return f"{FAILED}:{stand.route}", f"Not done for more than {self._age}: {reason}"
        return None

    def _is_late(self, unit: Unit, stand: Stand) -> bool:
        """Whether no cycle has succeeded for too long, also where none ever did."""
        since = stand.succeeded_at or unit.cycles.first_began(stand.route)
        return since is not None and unit.now - since > self.question_age

    def _short_of_calls(self, unit: Unit) -> str | None:
        """How long the calls need for one cycle of every route, where that is longer than wished."""
        any_route = next((self.routes[key] for key in self.channels), None)
        longer = cadence_of(unit, any_route, self.terms).round if any_route else None
        if longer is None:
            return None
        # Rounded down it would often read as what is wished.
        found, wished = _span(longer, up=True), _span(self.terms.pace.quiet)
        return f"The calls that are allowed bear a cycle every {found}, not every {wished} as wished."

    @property
    def _age(self) -> str:
        return _span(self.question_age)

    def _named(self, routes: Collection[str], channel: Channel) -> str:
        """The routes of this channel, as the configuration names them."""
        names = sorted(self.routes[key].name for key in routes if self.channels.get(key) == channel)
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        return f"({', '.join(names[:NAMED])}{more})"


def _kind(kind: str) -> str:
    return kind.partition("-")[0]


def _side(kind: str) -> str:
    side = kind.partition("-")[2]
    return Side(side).label if side else ""


def _of_cycles(kind: str) -> bool:
    return _kind(kind) in OF_CYCLES


def _got_through(stand: Stand | None) -> bool:
    """Whether the last cycle came as far as to count; one that broke off does not tell that anything is over."""
    return stand is not None and stand.counted_at == stand.ended_at


def _news(kinds: Mapping[str, int], name: str) -> str:
    """How many new questions a route has, and of what kinds, in the desk's words."""
    total = sum(kinds.values())
    if total == 1:
        return f"1 new question on {name}: {say(f'kind.{next(iter(kinds))}')}"
    listed = "; ".join(f"{say(f'kind.{kind}')} ({count})" for kind, count in sorted(kinds.items()))
    return f"{total} new questions on {name}: {listed}"


def _span(length: timedelta, *, up: bool = False) -> str:
    """In whole hours, minutes or seconds, two of them or more; `up`: never less than it is."""
    unit, name = next(((unit, name) for unit, name in UNITS if length >= 2 * unit), UNITS[-1])
    return counted(-(-length // unit) if up else length // unit, name)
