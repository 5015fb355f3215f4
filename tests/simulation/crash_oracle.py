"""What must be true of both registers after a crash, told from their dumps and the inbox; no rule of the engine here.

Every incident of a scenario bears a mark such as [#A1] in its description, which no edit removes: that is how a copy
is known to be one, whatever ids it has.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

Row = Mapping[str, Any]
MARK = re.compile(r"\[#(\w+)\]")


class Registers(Protocol):
    """The two simulated systems and the inbox, as they stand."""

    zone: str
    procore: Any
    fourhse: Any
    route: Any

    def site(self) -> dict[str, dict[str, Any]]: ...

    def office(self) -> dict[str, dict[str, Any]]: ...

    def inbox(self) -> list[Any]: ...


@dataclass(frozen=True)
class Expected:
    """What becomes of one incident. A fact that is None may be anything, as long as both sides show the same.

    `waits` names the kind of inbox item that keeps the two from being the same; `only` the side that has it alone.
    """

    mark: str
    title: str | None = None
    day: date | None = None
    status: str | None = None
    text: str | None = None
    people: tuple[tuple[str, int | None], ...] | None = None
    """Who was hurt, and days of absence, by name."""
    near_misses: tuple[str, ...] | None = None
    """Whom Procore names as endangered."""
    gone: bool = False
    waits: str | None = None
    only: str | None = None


@dataclass
class Findings:
    duplicates: list[str] = field(default_factory=list)
    losses: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    """What an operator would have to do by hand before the route is at rest."""
    cycles: int | None = None

    @property
    def flaws(self) -> list[str]:
        return [*self.duplicates, *self.losses, *self.steps]


@dataclass(frozen=True)
class Seen:
    """An incident as people read it, the same form for both sides."""

    title: str
    day: date
    status: str
    text: str
    people: tuple[tuple[str, int | None], ...]


def judge(expected: Iterable[Expected], world: Registers, cycles: int | None) -> Findings:
    """Every copy, every loss and every open question that the scenario does not foresee."""
    wanted = {one.mark: one for one in expected}
    sides = {"Procore": _by_mark(world.site().values(), "description"),
             "4HSE": _by_mark(world.office().values(), "description_event")}  # fmt: skip
    findings = Findings(cycles=cycles)
    for side, rows in sides.items():
        findings.losses += [f"{side} holds {mark}, which nobody made" for mark in rows.keys() - wanted.keys()]
        for mark, one in wanted.items():
            _count(findings, side, one, len(rows.get(mark, ())))
    for mark, one in wanted.items():
        site = [of_procore(row, world) for row in sides["Procore"].get(mark, ())]
        office = [of_fourhse(row, world) for row in sides["4HSE"].get(mark, ())]
        for ours, theirs in zip(site or office, office or site, strict=False):
            _compare(findings, one, ours, theirs)
        for row in sides["Procore"].get(mark, ()):
            _look_at_near_misses(findings, one, row)
    _look_into_bin(findings, wanted, world)
    _ask(findings, wanted, world, cycles)
    return findings


def _by_mark(rows: Iterable[Row], name: str) -> dict[str, list[Row]]:
    sorted_rows: dict[str, list[Row]] = {}
    for row in rows:
        mark = MARK.search(row[name] or "")
        sorted_rows.setdefault(mark.group(1) if mark else "an incident without its text", []).append(row)
    return sorted_rows


def _count(found: Findings, side: str, one: Expected, copies: int) -> None:
    wanted = 0 if one.gone or (one.only and one.only != side) else 1
    if copies > max(wanted, 1):
        found.duplicates.append(f"{one.mark}: {copies} copies in {side}")
    elif copies > wanted:
        found.losses.append(f"{one.mark}: still in {side}")
    elif copies < wanted:
        found.losses.append(f"{one.mark}: not in {side}")


def _compare(found: Findings, one: Expected, site: Seen, office: Seen) -> None:
    for name in ("title", "day", "status", "text", "people"):
        ours, theirs, wanted = getattr(site, name), getattr(office, name), getattr(one, name)
        if ours != theirs and one.waits is None:
            found.losses.append(f"{one.mark}: {name} {ours!r} in Procore against {theirs!r} in 4HSE")
        elif wanted is not None and wanted not in (ours, theirs):
            found.losses.append(f"{one.mark}: {name} is {ours!r} in Procore and {theirs!r} in 4HSE, not {wanted!r}")


def _look_at_near_misses(found: Findings, one: Expected, row: Row) -> None:
    """Whom Procore names as endangered, beside those whom it names as hurt."""
    names = sorted(record["affected_party"]["name"] for record in row["near_misses"] if record["affected_party"])
    if one.near_misses is not None and names != sorted(one.near_misses):
        found.duplicates.append(f"{one.mark}: near misses of {names}, not of {list(one.near_misses)}")


def _look_into_bin(found: Findings, wanted: Mapping[str, Expected], world: Registers) -> None:
    recycled = [row for row in world.procore.bin(int(world.route.procore_project)) if row["kind"] == "incident"]
    for mark in _by_mark(recycled, "description"):
        if mark not in wanted or not (wanted[mark].gone or wanted[mark].only == "4HSE"):
            found.losses.append(f"{mark}: in Procore's recycle bin without reason")


def _ask(found: Findings, wanted: Mapping[str, Expected], world: Registers, cycles: int | None) -> None:
    if cycles is None:
        found.steps.append("the route does not come to rest")
    foreseen = Counter(one.waits for one in wanted.values() if one.waits)
    entries = world.inbox()
    asked = Counter(str(entry.item.kind.value) for entry in entries)
    found.losses += [f"no {kind} in the inbox" for kind in (foreseen - asked).elements()]
    surplus = asked - foreseen
    found.steps += [f"{entry.item.kind.value}: {entry.item.reason}" for entry in entries if entry.item.kind in surplus]


def of_procore(row: Row, world: Registers) -> Seen:
    day = datetime.fromisoformat(row["event_date"]).astimezone(ZoneInfo(world.zone)).date()
    hurt = [
        (one["affected_party"]["name"], one.get("work_days_absent")) for one in row["injuries"] if one["affected_party"]
    ]
    return Seen(plain(row["title"]), day, row["status"], plain(row["description"]), _sorted(hurt))


def of_fourhse(row: Row, world: Registers) -> Seen:
    status = "open" if row["status"] == "new" else row["status"]
    if status == "closed" and not row["date_closed"]:
        status = "closed without a day"
    day = date.fromisoformat(row["date_incident"][:10])
    hurt = [(_name(one["person_office_id"], world), one["days"]) for one in row["persons"]]
    return Seen(plain(row["name"]), day, status, plain(row["description_event"]), _sorted(hurt))


def _name(assignment: str, world: Registers) -> str:
    person = world.fourhse.look("person", world.fourhse.look("person-office", assignment)["person_id"])
    return f"{person['first_name']} {person['last_name']}"


def _sorted(hurt: list[tuple[str, int | None]]) -> tuple[tuple[str, int | None], ...]:
    return tuple(sorted(hurt, key=str))


def plain(written: str | None) -> str:
    """Words without markup; blanks count as one."""
    text = written or ""
    if re.fullmatch(r"\s*<(p|div)\b.*</\1>\s*", text, re.DOTALL):
        text = html.unescape(re.sub(r"<[^<>]+>", " ", text))
    return " ".join(text.split())
