"""A store as a busy route leaves it: a few incidents go through real cycles, and the store takes copies of their rows.

So each row looks as the product writes it, and ten thousand incidents take seconds.
"""

from __future__ import annotations

import itertools
import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from worlds import FIRST, synced

from actors import hire, hire_on_site, hurt_on_site
from procore_4hse.mapping.lenses.base import Held
from procore_4hse.models import Kind, Side
from procore_4hse.reconcile.items import one_per_word, word
from procore_4hse.reconcile.snapshot import Record
from procore_4hse.store.repository import Unit
from procore_4hse.store.tables import APART, CYCLES, DECISIONS, INBOX, JOURNAL, LINKS, RECORDS, STONES

from world import World  # isort: skip

LASTS, PACE = timedelta(days=90), timedelta(minutes=5)
"""How long cycles are remembered, and how often one begins."""
PEOPLE = 1_000
"""So many are in each directory."""
WORD, SHARE_A_WORD = "FIRE DRILL", 300
"""A word that no list knows, and how many incidents show it."""
LONG = re.compile(r"\b(?:\d{10}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b")
"""An id of either system, or of a write."""
TABLES = (RECORDS, LINKS, JOURNAL, INBOX, DECISIONS, STONES, APART)
LISTS = (Kind.DIRECTORY.value, Kind.PICKER.value)

# Of each hundred incidents so many are like this one; the rest is linked, corrected once, and quiet.
SHARES = {"hurt": 20, "settled": 14, "different": 1, "kept": 1}
# Of each hundred open questions so many are of this kind.
ASKED = {"conflict": 60, "match": 15, "deletion": 10, "stranger": 15}


@dataclass
class Seed:
    """An incident, or somebody, of which there will be many. What its rows hold of these texts is its own."""

    number: int
    ids: set[str] = field(default_factory=set)

    @property
    def day(self) -> date:
        return FIRST + timedelta(self.number % 100)

    @property
    def title(self) -> str:
        return f"Incident {self.number}"


def grown(url: str, count: int, questions: int) -> World:
    """So many linked incidents and open questions, 1,000 people, and 90 days of cycles every five minutes."""
    world, random = World.build(url), Random(7)  # noqa: S311 the same ids in each run
    seeds = played(world)
    with world.store.begin() as unit:
        rows = {name: _rows_of(unit, seed) for name, seed in seeds.items()}
        copies = {
            "person": PEOPLE,
            **{name: count * share // 100 for name, share in SHARES.items()},
            **{name: questions * share // 100 for name, share in ASKED.items()},
        }
        copies["plain"] = count + PEOPLE + copies["match"] - sum(copies.values())
        for name, many in copies.items():
            _copy(unit, seeds[name], rows[name], many, random)
        _share_a_word(unit, world)
        _remember_cycles(unit, world)
    world.clock.advance(seconds=LASTS.total_seconds())
    if world.store.url.get_backend_name() != "sqlite":  # A server does so by itself, a minute after rows came.
        with world.store._writing.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
    return world


# What happens to one of each ---------------------------------------------------------------------------------------


def played(world: World) -> dict[str, Seed]:
    """One of each, as cycles leave it."""
    names = ("plain", "hurt", "settled", "different", "kept", *ASKED, "person")
    seeds = {name: Seed(990_001 + place) for place, name in enumerate(names)}
    party, office = hire(world, f"Ann Lee{seeds['person'].number}", number=f"E{seeds['person'].number}")
    seeds["person"].ids |= {str(party), office}
    told = ("plain", "hurt", "settled", "kept", "conflict", "deletion", "stranger")
    made = {name: _on_site(world, seeds[name]) for name in told}
    hurt_on_site(world, made["hurt"], party, days=3)
    stranger = hire_on_site(world, f"Bob Kay{seeds['stranger'].number}")
    hurt_on_site(world, made["stranger"], stranger, days=2)
    for name in ("different", "match"):
        made[name] = _doubtful(world, seeds[name])
    synced(world, first=True)
    _answer(world, made["different"], "reject")
    for name in ("plain", "hurt"):
        world.procore.hand_edit("incident", int(made[name]), title=f"{seeds[name].title} corrected")
    for name in ("settled", "conflict"):
        _disagree(world, made[name], seeds[name])
    for name in ("kept", "deletion"):
        world.procore.hand_delete("incident", int(made[name]))
    synced(world)
    _answer(world, made["settled"], "resolve", use="procore")
    _answer(world, made["kept"], "reject")
    synced(world)
    synced(world)
    for name, incident in made.items():
        seeds[name].ids.add(incident)
    seeds["stranger"].ids.add(str(stranger))
    return seeds


def _on_site(world: World, seed: Seed) -> str:
    return world.on_site(seed.title, seed.day, description=f"What happened: {seed.number}. " * 12)


def _doubtful(world: World, seed: Seed) -> str:
    """Two that show the same and are no clear pair, for they have no description."""
    world.in_office(seed.title, seed.day, description_event="")
    return world.on_site(seed.title, seed.day, description="")


def _disagree(world: World, incident: str, seed: Seed) -> None:
    (office,) = (link.fourhse_id for link in world.links() if link.procore_id == incident)
    world.procore.hand_edit("incident", int(incident), title=f"{seed.title} on site")
    world.fourhse.hand_edit("incident", office, name=f"{seed.title} in the office")


def _answer(world: World, incident: str, verb: str, **given: str) -> None:
    (entry,) = (each for each in world.inbox() if each.item.procore_id == incident)
    world.answer(entry.id, verb, **given)


# Many of each ------------------------------------------------------------------------------------------------------

Rows = list[tuple[sa.Table, dict[str, Any]]]


def _rows_of(unit: Unit, seed: Seed) -> Rows:
    """Every row that names one of its ids; those of its records that stand below it become its ids too."""
    every = [(table, dict(row._mapping)) for table in TABLES for row in unit.connection.execute(sa.select(table))]
    own = seed.ids
    for _ in range(2):  # From one side's incident to the link, and from both incidents to what stands below them.
        for table, row in every:
            if table is LINKS and own & {row["procore_id"], row["fourhse_id"], row["parent"]}:
                own |= {row["procore_id"], row["fourhse_id"]}
            elif (table is RECORDS and row["kind"] not in LISTS and row["parent_id"] in own) or (
                table is JOURNAL and own & {row["source_id"], row["target_id"]}
            ):
                own.add(row["id"])
            elif table is INBOX and own & set(LONG.findall(row["key"])):
                own |= set(map(str, row["facts"].get("candidates", ())))
    mine = [(table, row) for table, row in every if own & set(LONG.findall(_text(table, row)))]
    return [each for each in mine if _is_about(each, own)]


def _is_about(each: tuple[sa.Table, dict[str, Any]], own: set[str]) -> bool:
    """A row of somebody is nobody else's; what only names them belongs to the incident."""
    table, row = each
    if table in (RECORDS, JOURNAL):
        return row["id"] in own
    return table is not LINKS or bool(own & {row["procore_id"], row["fourhse_id"]})


def _text(table: sa.Table, row: Mapping[str, Any]) -> str:
    return json.dumps({name: value for name, value in row.items() if not isinstance(value, datetime)})


def _copy(unit: Unit, seed: Seed, rows: Rows, many: int, random: Random) -> None:
    """So many more of it, spread over the days that are remembered."""
    highest = {table: unit.connection.execute(sa.select(sa.func.max(table.c.id))).scalar() or 0 for table in NUMBERED}
    serial = {table: max(number, OURS) for table, number in highest.items()}
    texts = [(table, _text(table, row), _times(row)) for table, row in rows]
    found: dict[sa.Table, list[dict[str, Any]]] = {}
    for copy in range(many):
        marks = {**{one: _fresh(one, random) for one in sorted(seed.ids)}, str(seed.number): str(next(NUMBERS))}
        marks[seed.day.isoformat()] = (FIRST + timedelta(copy % 365)).isoformat()
        pattern, asked = re.compile("|".join(marks)), dict[int, int]()
        for table, text, times in texts:
            row = json.loads(pattern.sub(partial(_marked, marks), text))
            row |= {name: at + LASTS * copy / many for name, at in times.items()}
            if table in serial:
                serial[table] += 1
                asked |= {row["id"]: serial[table]} if table is INBOX else {}
                row["id"] = serial[table]
            if table is DECISIONS:
                row["item_id"] = asked[row["item_id"]]
            found.setdefault(table, []).append(row)
    for table, new in found.items():
        unit.connection.execute(sa.insert(table), new)


OURS = 10**6
"""Copies have higher numbers than this, so that they take none of those that a server gives."""
NUMBERED, NUMBERS = (LINKS, INBOX, DECISIONS, STONES), itertools.count()


def _marked(marks: Mapping[str, str], found: re.Match[str]) -> str:
    return marks[found[0]]


def _fresh(known: str, random: Random) -> str:
    if known.isdecimal():
        return str(10**10 + next(NUMBERS))  # As Procore counts: what is new has the highest number.
    return str(UUID(int=random.getrandbits(128), version=4))


def _times(row: Mapping[str, Any]) -> dict[str, datetime]:
    return {name: value for name, value in row.items() if isinstance(value, datetime)}


def _share_a_word(unit: Unit, world: World) -> None:
    """One question about an unknown word that hundreds of incidents show."""
    reason = f"Category: {WORD!r} is a word that words/category.yaml does not know"
    held = Held(reason, WORD, "words/category.yaml")
    links = [link for link in unit.links(world.route.key).all() if link.kind == Kind.INCIDENT][:SHARE_A_WORD]
    asked = (
        word(Record(Side.FOURHSE, link.fourhse_id, {}), link.procore_id, "category", reason, "Incident", held)
        for link in links
    )
    (item,) = one_per_word(asked)
    unit.inbox(world.route.key).add(item)


def _remember_cycles(unit: Unit, world: World) -> None:
    """Every five minutes one, each like the last one that ran."""
    known = dict(unit.connection.execute(sa.select(CYCLES).order_by(CYCLES.c.id.desc()).limit(1)).one()._mapping)
    del known["id"]
    known |= {"calls_procore": 8, "calls_fourhse": 4, "used_procore": 0.2, "used_fourhse": 0.1}
    began = (world.clock.now + PACE * number for number in range(LASTS // PACE))
    cycles = [{**known, "began_at": at, "ended_at": at + timedelta(seconds=20)} for at in began]
    unit.connection.execute(sa.insert(CYCLES), cycles)
