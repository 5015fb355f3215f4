"""Every page in a real browser: nothing stands in the way of anybody, and nothing is wider than a phone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from desk_reader import PHONE, TABLE, Reader
from scene import addresses, month

from desk_stand import Served, desk_of, served
from world import World


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, dict[str, str]]]:
    world = World.build(f"sqlite:///{tmp_path_factory.mktemp('scene')}/sync.db")
    told = month(world)
    with served(desk_of(world)) as desk:
        yield desk, addresses(world, told)
    world.store.close()


def is_open_to_everybody(reader: Reader, path: str) -> None:
    """In light and dark, at a desk and on a phone."""
    reader.open(path)
    reader.unfold()
    assert reader.barriers() == [], path
    reader.screen(PHONE)
    assert reader.width() <= PHONE, path
    reader.dark(on=True)
    assert reader.barriers() == [], path
    reader.dark(on=False)
    reader.screen(TABLE)


def test_no_page_has_a_barrier_or_is_wider_than_a_phone(scene: tuple[Served, dict[str, str]], reader: Reader) -> None:
    desk, pages = scene
    reader.sign_in(desk)
    assert {name for name in pages if name.startswith("question-")} == {
        f"question-{kind}" for kind in ("conflict", "deletion", "match", "word", "refused", "drift", "guard", "missing")
    }
    for path in pages.values():
        is_open_to_everybody(reader, path)


def test_what_a_form_leads_to_has_no_barrier_either(scene: tuple[Served, dict[str, str]], reader: Reader) -> None:
    desk, _ = scene
    reader.sign_in(desk)
    reader.open("/incidents")
    reader.write("Title, number, day", "ladder")
    reader.press("Find")
    assert "found" in reader.text
    assert reader.barriers() == []
    reader.open("/inbox")
    reader.write("Text in title", "no such text")
    reader.press("Show")
    assert "No question fits" in reader.text
    assert reader.barriers() == []


def test_who_is_not_signed_in_meets_no_barrier(scene: tuple[Served, dict[str, str]], reader: Reader) -> None:
    desk, _ = scene
    reader.url = desk.url
    for path in ("/", "/enter/too-old"):
        is_open_to_everybody(reader, path)


def test_tab_leads_through_a_page_in_the_order_of_its_text_and_shows_where_it_is(
    scene: tuple[Served, dict[str, str]], reader: Reader
) -> None:
    desk, pages = scene
    reader.sign_in(desk)
    reader.open(pages["question-conflict"])
    names = reader.walk()
    assert names[:7] == ["Skip to the content", "Today", "Inbox", "Incidents", "Runs", "Mapping", "Sign out"]
    assert [names.index("Answer"), names.index("Not now"), names.index("The whole story of this incident")] == sorted(
        names.index(name) for name in ("Answer", "Not now", "The whole story of this incident")
    )


def test_the_skip_link_leads_past_the_menu(scene: tuple[Served, dict[str, str]], reader: Reader) -> None:
    desk, _ = scene
    reader.sign_in(desk)
    reader.open("/inbox")
    assert reader.skip() == ["Kind", "Text in title or reason", "Show"]


def test_the_desk_loads_nothing_from_elsewhere_and_no_script(
    scene: tuple[Served, dict[str, str]], reader: Reader
) -> None:
    desk, pages = scene
    reader.sign_in(desk)
    for path in pages.values():
        reader.open(path)
        assert reader.loaded() == [f"{desk.url}/desk.css"], path
