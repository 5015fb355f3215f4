"""The desk of a world, served on loopback, and browsers that are signed in to it."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import urlsplit

import httpx
import uvicorn.server

from procore_4hse.route import Route
from procore_4hse.settings.model import DeskSettings
from procore_4hse.web.access import Visitor, grants_json, owner, rules_of, visitor
from procore_4hse.web.desk import SESSION_LASTS, Desk, Session
from procore_4hse.web.keys import Keys, new_key
from procore_4hse.web.server import serving
from world import World

KEYS = Keys(b"a secret of the test")


class Hurried:
    """Asyncio for the server, which looks ten times a second whether it is to end: here it looks often."""

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)

    @staticmethod
    async def sleep(seconds: float) -> None:
        await asyncio.sleep(seconds / 20)


uvicorn.server.asyncio = Hurried()  # type: ignore[assignment]


@dataclass
class Browser:
    """Somebody's browser: sends what a form of the desk would send, with what browsers add to it."""

    url: str
    origin: str
    http: httpx.Client = field(repr=False)

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.http.get(self.url + path, headers=headers)

    def post(self, path: str, headers: dict[str, str] | None = None, **form: str) -> httpx.Response:
        signs = {"Origin": self.origin, "Sec-Fetch-Site": "same-origin"} if headers is None else headers
        return self.http.post(self.url + path, data=form, headers=signs)

    def text(self, path: str) -> str:
        """What a person reads of a page, on one line."""
        return words(self.get(path))

    def answer(self, number: int, choice: str, **form: str) -> httpx.Response:
        """Opens a question, chooses, and sends its form."""
        (shown,) = re.findall(r'name="shown" value="(\w+)"', self.get(f"/inbox/{number}").text)
        return self.post(f"/inbox/{number}/answer", choice=choice, shown=shown, **form)


def words(page: httpx.Response) -> str:
    body = page.text.partition("<body>")[2]
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", body)).split())


@dataclass
class Served:
    """`url` is where it listens; every browser is a new one."""

    desk: Desk
    url: str

    @contextmanager
    def browser(self, **headers: str) -> Iterator[Browser]:
        """Nobody's yet; follows no redirect by itself."""
        base_url = self.desk.settings.base_url
        named = {"Host": urlsplit(base_url).netloc} if base_url else {}
        with httpx.Client(headers={**named, **headers}, timeout=20) as http:
            yield Browser(self.url, base_url or self.url, http)

    @contextmanager
    def signed_in(self, somebody: Visitor | None = None) -> Iterator[Browser]:
        """The browser of somebody with a session; without a name, of whoever may do all."""
        who, key = somebody or owner("anna"), new_key()
        with self.desk.store.begin() as unit:
            session = Session(who.who, grants_json(who.grants))
            assert unit.desk.sign_in(KEYS.hashed(key), session, lasts=SESSION_LASTS)
        with self.browser(Cookie=f"{self.desk.cookie('desk')}={key}") as browser:
            yield browser

    def link(self, **passed: float) -> str:
        return KEYS.link("anna", now=self.desk.clock(), lasts=timedelta(**passed or {"minutes": 15}))


def person(routes: tuple[Route, ...], **rules: Any) -> Visitor:
    """Who the rules of the settings make of a member of the group `team`."""
    made = visitor("bruno", ("team",), rules_of(DeskSettings(**rules), [route.name for route in routes]))
    assert made is not None
    return made


def desk_of(world: World, *routes: Route, **settings: Any) -> Desk:
    told, listed = DeskSettings(**settings), routes or (world.route,)
    rules = rules_of(told, [route.name for route in listed])
    return Desk(world.store, listed, told, timedelta(minutes=5), KEYS, rules, world.clock)


@contextmanager
def served(desk: Desk) -> Iterator[Served]:
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
    with serving(desk, "127.0.0.1", port):
        yield Served(desk, f"http://127.0.0.1:{port}")


def another_route(world: World, name: str = "harbour") -> Route:
    """A route of its own beside the world's, without a cycle yet."""
    return replace(world.route, name=name, procore_project="7", fourhse_office="6c8f5a5e-1d39-4a7c-8f43-7b1d6f3a9e03")
