"""Every page that somebody opens at the desk, and what its first view costs a process that has just begun."""

from __future__ import annotations

import asyncio
import gc
import time
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

import httpx
from starlette.responses import Response
from worlds import cpu

from procore_4hse.models import Act, ItemKind
from procore_4hse.operations.questions import grouped, outlined
from procore_4hse.route import Route
from procore_4hse.settings.model import DeskSettings
from procore_4hse.store.repository import Store
from procore_4hse.web.access import owner
from procore_4hse.web.app import create_app, templates
from procore_4hse.web.desk import Desk
from procore_4hse.web.keys import Keys
from procore_4hse.web.protection import Origins

from world import World  # isort: skip

ORIGIN = "http://127.0.0.1:8484"


class View(NamedTuple):
    name: str
    path: str
    form: dict[str, str] | None = None
    """What is sent; None for a page that is only opened."""


WARM = View("Mapping", "/mapping")
"""Opened before what is measured: a process that has shown nobody anything yet loads what all pages need."""


def views(world: World) -> list[View]:
    """Each page with a name for it. Of what there are many of, the one in the middle."""
    return [
        View("Today", "/"),
        View("Inbox", "/inbox"),
        View("Inbox, searched", "/inbox", {"kind": "", "route": "", "text": "corrected"}),
        *_questions(world),
        *_incidents(world),
        View("Incidents by a word that all hold", "/incidents", {"text": "Incident"}),
        View("Incidents by a title", "/incidents", {"text": "Incident 471"}),
        View("Incidents by number", "/incidents", {"text": "4711"}),
        View("Incidents by day", "/incidents", {"text": "2025-03-17"}),
        View("Remembered", "/remembered"),
        View("Runs", "/runs"),
    ]


def _questions(world: World) -> list[View]:
    with world.store.read() as unit:
        asked = outlined(unit, [world.route])
    kinds = dict.fromkeys((each.kind, each.item.who is not None) for each in asked)
    alike = {kind: [each for each in asked if (each.kind, each.item.who is not None) == kind] for kind in kinds}
    shown = [
        View(f"question, {kind.value}{' of people' if who else ''}", f"/inbox/{own[len(own) // 2].id}")
        for (kind, who), own in alike.items()
    ]
    together = max((group for group in grouped(asked) if group.about), key=lambda group: len(group.questions))
    return [*shown, View("questions of one cause", f"/inbox/{together.questions[0].id}/cause")]


def _incidents(world: World) -> list[View]:
    """One with people, and taking back what was written to another one."""
    links = world.links()
    hurt = [link.parent for link in links if link.parent]
    with world.store.read() as unit:
        asked = next(each.item for each in unit.inbox(world.route.key).entries() if each.item.kind is ItemKind.CONFLICT)
        written = unit.journal(world.route.key).story(links[3 * len(links) // 4].procore_id)
    update = next(each for each in written if each.action.act is Act.UPDATE)
    return [
        View("incident with people", f"/incidents/{hurt[len(hurt) // 2]}"),
        View("incident with a question", f"/incidents/{asked.procore_id}"),
        View("taking back a write", f"/writes/{update.id}:title/undo"),
    ]


def first_views(url: str, route: Route, now: datetime, wanted: list[View]) -> dict[str, float]:
    """Milliseconds of each page's first view: `cpu: PAGE` of the processor, `wall: PAGE` by the clock."""
    store = Store(url, clock=lambda: now)
    desk = Desk(store, (route,), DeskSettings(), timedelta(minutes=5), Keys(b"of the benchmark"), (), lambda: now)
    headers = {"Cookie": _signed_in(desk), "Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}
    transport = httpx.ASGITransport(create_app(desk, Origins(frozenset({ORIGIN}))))
    for template in templates().list_templates():  # A process compiles each once, and no store makes that longer.
        templates().get_template(template)
    gc.freeze()  # As the command does.
    found = {}
    with asyncio.Runner() as runner:
        http = httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers=headers)
        _open(runner, http, WARM)
        for view in wanted:
            began = time.perf_counter()
            found[f"cpu: {view.name}"] = cpu(partial(_open, runner, http, view))
            found[f"wall: {view.name}"] = (time.perf_counter() - began) * 1000
    return found


def _signed_in(desk: Desk) -> str:
    response = Response()
    desk.sign_in(owner("anna"), response)
    return response.headers["set-cookie"].partition(";")[0]


def _open(runner: asyncio.Runner, http: httpx.AsyncClient, view: View) -> None:
    runner.run(_opened(http, view))


async def _opened(http: httpx.AsyncClient, view: View) -> None:
    page = await (http.get(view.path) if view.form is None else http.post(view.path, data=view.form))
    if page.status_code != httpx.codes.OK:
        raise SystemExit(f"{view.name} answered {page.status_code}.")
