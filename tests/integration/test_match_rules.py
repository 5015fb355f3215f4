"""What a route says about two being one: a number, a custom field, days and words; and what a plan tells of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from actors import hire, hurt_in_office, hurt_on_site
from procore_4hse.operations.possible_pairs import possible_pairs
from procore_4hse.reconcile.match import MatchRules
from world import World

pytestmark = pytest.mark.any_store
DAY = date(2026, 2, 10)


def numbered(world: World, *, day: date = DAY) -> tuple[str, str]:
    """One accident in two languages; the office wrote Procore's number into its code."""
    site = world.on_site("Fall from a ladder", DAY)
    number = str(world.site()[site]["number"])
    return site, world.in_office("Caduta da una scala", day, code=number, category="ACCIDENTS")


def told(world: World) -> list[tuple[str, tuple[str, str], list[str]]]:
    world.sync(dry=True)
    pairs = possible_pairs(world.store, world.route, 10)
    signs = [[f"{'+' if sign.speaks_for else '-'} {sign.text}" for sign in pair.signs] for pair in pairs]
    return [(pair.then, pair.titles, sign) for pair, sign in zip(pairs, signs, strict=True)]


def test_a_plan_tells_of_pairs_of_one_number_or_person_in_other_languages(build: Callable[..., World]) -> None:
    world = build()
    numbered(world)
    party, assignment = hire(world)
    hurt_on_site(world, world.on_site("Cut", date(2026, 1, 5)), party)
    hurt_in_office(world, world.in_office("Taglio", date(2026, 1, 5), category="ACCIDENTS"), assignment)
    day, titles, words = "+ The same day", "- The titles differ", "% of the words are shared"
    assert told(world) == [
        ("asked", ("Cut", "Taglio"), [day, titles, f"- 33 {words} (2 of 6)", "+ Both name the same person"]),
        (
            "apart",
            ("Fall from a ladder", "Caduta da una scala"),
            [day, "+ The same number (1)", titles, f"- 16 {words} (2 of 12)"],
        ),
    ]
    world.sync(first=True)
    assert told(world) == [], "a route with links tells of no pairs any more"


def test_a_number_as_key_links_what_it_names(build: Callable[..., World]) -> None:
    world = build(match=MatchRules(key="number"))
    site, office = numbered(world)
    assert [then for then, _, _ in told(world)] == ["linked"]
    world.sync(first=True)
    assert [(link.procore_id, link.fourhse_id) for link in world.links()] == [(site, office)]


def test_a_number_as_key_asks_where_the_day_differs(build: Callable[..., World]) -> None:
    world = build(match=MatchRules(key="number"))
    numbered(world, day=date(2026, 2, 20))
    world.sync(first=True)
    assert (world.links(), [entry.item.kind for entry in world.inbox()]) == ([], ["match"])


def test_a_row_of_the_mapping_as_key_links_by_what_it_holds(build: Callable[..., World]) -> None:
    world = build()
    row = world.route.mapping.description
    assert row is not None
    world.with_route(match=MatchRules(key=row.key))
    text = "Case 4711"
    site = world.on_site("Fall", DAY, description=text)
    office = world.in_office("Caduta", DAY, description_event=text)
    world.sync(first=True)
    assert [(link.procore_id, link.fourhse_id) for link in world.links()] == [(site, office)]
    assert [entry.item.field for entry in world.inbox()] == ["title"], "under two titles it is one incident"
