"""A person's screen in a simulated system that runs as a server: one request does what its user would do by hand.

`POST /by-hand/{act}` with what the act needs as JSON. Neither vendor has this; it stands beside the handler of a
system, for those who try commands and cannot open Procore or 4HSE in a browser.
"""

import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import date
from typing import Any

import httpx

from procore_4hse.simulator.wire import Handler, Request, Response

SCREEN = "/by-hand/"
ACTS = ("create", "edit", "delete", "restore", "hide", "show", "refuse")
REFUSED = "Refused by hand, for practice."
"""What the system says to a write that somebody told it to refuse."""


class NotDone(Exception):
    """Nothing happened; the message is one sentence."""


class Screen(ABC):
    """What people do in one system, and whether it refuses what programs ask next.

    Each act answers what record it was about. It raises KeyError when there is none with that id, ValueError with the
    reason when it cannot be done.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._refusals = 0

    @abstractmethod
    def create(self, *, title: str, day: date, fields: Mapping[str, str], injured: str, reporter: str) -> str:
        """A new incident, with one injured person where `injured` names one; answers its id."""

    @abstractmethod
    def edit(self, *, id: str, fields: Mapping[str, str]) -> str: ...

    @abstractmethod
    def delete(self, *, id: str) -> str: ...

    def restore(self, *, id: str) -> str:
        raise ValueError("There is no recycle bin here: what was deleted is gone for good")

    def hide(self, *, id: str) -> str:
        raise ValueError("Only in 4HSE a single incident can be taken out of our account's sight")

    def show(self, *, id: str) -> str:
        return self.hide(id=id)

    def refuse(self, *, times: int) -> str:
        """So many of the next writes of programs are refused, none of those before any more."""
        with self._lock:
            self._refusals = times
        return "write"

    @abstractmethod
    def is_write(self, request: Request) -> bool: ...

    @abstractmethod
    def refusal(self) -> Response:
        """The system's own answer to a write that it refuses."""

    def refuses(self, request: Request) -> bool:
        """Whether this is one of the writes to refuse; counts it."""
        with self._lock:
            is_refused = self._refusals > 0 and self.is_write(request)
            self._refusals -= is_refused
        return is_refused


def with_screen(handler: Handler, screen: Screen) -> Handler:
    """The same system with a screen beside it."""

    def handle(request: Request) -> Response:
        if request.path.startswith(SCREEN):
            return _act(screen, request.path.removeprefix(SCREEN), request.json())
        return screen.refusal() if screen.refuses(request) else handler(request)

    return handle


def _act(screen: Screen, act: str, asked: dict[str, Any]) -> Response:
    if "day" in asked:
        asked["day"] = date.fromisoformat(asked["day"])
    try:
        if act not in ACTS:
            raise KeyError(act)
        return Response.of(200, {"record": getattr(screen, act)(**asked)})
    except KeyError:
        return Response.of(404, {"problem": f"There is no record {asked.get('id', act)}"})
    except ValueError as error:
        return Response.of(422, {"problem": str(error)})


def by_hand(url: str, act: str, **asked: Any) -> str:
    """What the record is that somebody created, edited ... in the system at `url`. Raises NotDone."""
    try:
        answer = httpx.post(f"{url}{SCREEN}{act}", json=asked, timeout=10)
        body = answer.json()
    except (httpx.HTTPError, json.JSONDecodeError) as error:
        raise NotDone(f"No simulated system answers at {url}; start both with: procore-4hse simulate") from error
    if answer.status_code != httpx.codes.OK:
        raise NotDone(f"{body['problem']}; nothing was changed.")
    return str(body["record"])


def typed(text: str) -> str | int | None:
    """What was typed: nothing, a whole number, or a text in which `\\n` begins a new line."""
    if not text:
        return None
    # A code such as 007 stays a text.
    return int(text) if text.isdecimal() and str(int(text)) == text else text.replace("\\n", "\n")


def one_of(name: str, people: Mapping[str, Any]) -> Any:
    """Whom a name means; ValueError when nobody is called so."""
    if name not in people:
        raise ValueError(f"Nobody is called {name} here; there are: {', '.join(sorted(people))}")
    return people[name]
