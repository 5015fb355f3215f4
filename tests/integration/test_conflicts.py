"""One field changed on both sides: nothing is overwritten, a person decides, and decides again when a side moved."""

from dataclasses import replace

import pytest

from procore_4hse.mapping.rules import OnConflict
from world import World

pytestmark = pytest.mark.any_store

NOTHING = {side: {"created": 0, "updated": 0, "deleted": 0} for side in ("procore", "fourhse")}


@pytest.fixture
def world(store_url, build) -> World:
    """One linked pair, its title edited on both sides; the cycle has asked about it."""
    world = build(store_url)
    made = world.on_site("Fall", hour=9)
    world.sync(first=True)
    theirs = world.links()[0].fourhse_id
    world.procore.hand_edit("incident", int(made), title="Fall from a ladder")
    world.fourhse.hand_edit("incident", theirs, name="Fall from a scaffold")
    report = world.sync()
    assert (report.outcome, report.exit_code, report.written) == ("ok", 0, NOTHING)
    assert report.inbox["conflict"] == 1
    return world


def titles(world: World) -> tuple[str, str]:
    [ours], [theirs] = world.site().values(), world.office().values()
    return ours["title"], theirs["name"]


def test_both_values_and_the_base_are_shown_and_stand(world):
    [entry] = world.inbox()
    item = entry.item
    assert (item.kind, item.field) == ("conflict", "title")
    shown = (item.procore_value, item.fourhse_value, item.base_value)
    assert shown == ("Fall from a ladder", "Fall from a scaffold", "Fall")
    assert titles(world) == ("Fall from a ladder", "Fall from a scaffold")
    report = world.sync()
    assert (report.written, [e.id for e in world.inbox()]) == (NOTHING, [entry.id])
    assert report.population["procore"]["waiting"] == 1


@pytest.mark.parametrize(("use", "title"), [("procore", "Fall from a ladder"), ("fourhse", "Fall from a scaffold")])
def test_an_answer_settles_it(world, use, title):
    world.answer(world.inbox()[0].id, "resolve", use=use)
    report = world.sync()
    assert titles(world) == (title, title)
    assert (report.outcome, world.inbox()) == ("ok", [])
    assert report.population["procore"] == {"in_sync": 1, "waiting": 0, "refused": 0, "excluded": 0}
    assert world.sync().written == NOTHING


@pytest.mark.parametrize("winner", [OnConflict.PROCORE, OnConflict.FOURHSE])
def test_where_the_mapping_names_a_winner_both_values_stay_in_the_journal(store_url, build, winner):
    world = build(store_url)
    mapping = world.route.mapping
    title, *others = mapping.fields
    world.with_route(mapping=replace(mapping, fields=(replace(title, on_conflict=winner), *others)))
    site = world.on_site("Fall")
    world.sync()
    [office] = world.office()
    world.procore.hand_edit("incident", int(site), title="Fall, says the site")
    world.fourhse.hand_edit("incident", office, name="Fall, says the office")
    world.sync()
    assert world.inbox() == []
    with world.store.read() as unit:
        *_, write = unit.journal(world.route.key).story(site)
    kept = {"Fall, says the site", "Fall, says the office"}
    assert {*write.action.seen.values(), *write.action.sources["title"].values()} >= kept
    assert {world.site()[site]["title"], world.office()[office]["name"]} == {
        "Fall, says the site" if winner is OnConflict.PROCORE else "Fall, says the office"
    }


def test_other_fields_cross_meanwhile(world):
    [ours] = world.site()
    world.procore.hand_edit("incident", int(ours), description="He was not tied on.")
    assert world.sync().written["fourhse"]["updated"] == 1
    [theirs] = world.office().values()
    assert theirs["description_event"] == "He was not tied on."
    assert titles(world) == ("Fall from a ladder", "Fall from a scaffold")


@pytest.mark.parametrize("side", ["procore", "fourhse"])
def test_it_is_asked_again_when_a_side_moved(world, side):
    [ours], [theirs] = world.site(), world.office()
    world.answer(world.inbox()[0].id, "resolve", use="procore")
    if side == "procore":
        world.procore.hand_edit("incident", int(ours), title="Fall from a roof")
    else:
        world.fourhse.hand_edit("incident", theirs, name="Fall from a roof")
    moved = titles(world)
    report = world.sync()
    assert (report.written, titles(world)) == (NOTHING, moved)
    [entry] = world.inbox()
    assert "Fall from a roof" in (entry.item.procore_value, entry.item.fourhse_value)
    world.answer(entry.id, "resolve", use=side)
    world.sync()
    assert titles(world) == ("Fall from a roof", "Fall from a roof")
    assert world.inbox() == []


def test_it_closes_itself_when_both_say_the_same(world):
    [theirs] = world.office()
    world.fourhse.hand_edit("incident", theirs, name="Fall from a ladder")
    assert world.sync().written == NOTHING
    assert world.inbox() == []


def test_two_accidents_that_look_alike_are_never_linked_by_the_machine(store_url, build):
    world = build(store_url)
    world.on_site("Fall", description="One worker fell.")
    world.in_office("Fall", description_event="Another worker fell.")
    world.sync(first=True)
    [entry] = world.inbox()
    assert (entry.item.kind, world.links()) == ("match", [])
    assert (len(world.site()), len(world.office())) == (1, 1)


def test_a_person_may_join_them(store_url, build):
    world = build(store_url)
    ours, theirs = (
        world.on_site("Fall", description="One worker fell."),
        world.in_office("Fall", description_event="Another worker fell."),
    )
    world.sync(first=True)
    world.answer(world.inbox()[0].id, "approve", with_id=theirs)
    world.sync()
    [link] = world.links()
    assert (link.procore_id, link.fourhse_id) == (ours, theirs)
    assert [entry.item.field for entry in world.inbox()] == ["description"], "two texts without a base are asked about"


def test_a_word_that_names_a_partner_who_is_gone_by_then_does_not_last(store_url, build):
    world = build(store_url)
    ours = world.on_site("Fall", description="One worker fell.")
    theirs = world.in_office("Fall", description_event="Another worker fell.")
    world.sync(first=True)
    world.answer(world.inbox()[0].id, "approve", with_id=theirs)
    world.fourhse.hand_delete("incident", theirs)
    world.sync()
    with world.store.read() as unit:
        assert unit.inbox(world.route.key).decisions() == {}
    assert [link.procore_id for link in world.links()] == [ours]
    assert [row["description_event"] for row in world.office().values()] == ["One worker fell."]


def test_what_a_person_joined_and_takes_apart_later_stays_apart(store_url, build):
    world = build(store_url)
    ours = world.on_site("Fall", description="One worker fell.")
    theirs = world.in_office("Fall", description_event="Another worker fell.")
    world.sync(first=True)
    world.answer(world.inbox()[0].id, "approve", with_id=theirs)
    world.sync()
    with world.store.begin() as unit:
        unit.links(world.route.key).remove(ours)
    world.sync()
    assert (world.links(), [entry.item.kind for entry in world.inbox()]) == ([], ["match"])
    assert "took these two apart" in world.inbox()[0].item.reason


def test_or_call_them_different(store_url, build):
    world = build(store_url)
    world.on_site("Fall", description="One worker fell.")
    world.in_office("Fall", description_event="Another worker fell.")
    world.sync(first=True)
    world.answer(world.inbox()[0].id, "reject")
    world.sync()
    assert (len(world.site()), len(world.office()), len(world.links())) == (2, 2, 2)
    assert (world.sync().written, world.inbox()) == (NOTHING, [])


def test_equal_day_title_and_words_are_one_incident(store_url, build):
    world = build(store_url)
    world.on_site("Fall", description="One worker fell.")
    world.in_office("FALL ", description_event="One worker fell.\r\n")
    report = world.sync(first=True)
    assert (report.written, len(world.links())) == (NOTHING, 1)


def test_an_edit_between_our_look_and_our_write_is_not_overwritten(build):
    world = build()
    made = world.on_site("Fall")
    world.sync()
    [theirs] = world.office()
    world.procore.hand_edit("incident", int(made), title="Slip")
    quick = iter([lambda: world.fourhse.hand_edit("incident", theirs, name="Trip")])

    def meddle(request):
        if "/incident/view/" in request.path:
            next(quick, lambda: None)()

    world.faults.on_request.append(meddle)
    report = world.sync()
    assert (report.outcome, report.exit_code, report.written) == ("partial", 1, NOTHING)
    assert titles(world) == ("Slip", "Trip")
    assert world.sync().written == NOTHING
    assert [entry.item.kind for entry in world.inbox()] == ["conflict"]


def test_a_survivor_that_is_edited_at_the_last_moment_is_not_deleted(build):
    world = build()
    made = int(world.on_site("Fall"))
    world.on_site("Slip")
    world.sync()
    theirs = next(link.fourhse_id for link in world.links() if link.procore_id == str(made))
    world.procore.hand_delete("incident", made)
    world.sync()
    world.answer(world.inbox()[0].id, "approve")
    quick = iter([lambda: world.fourhse.hand_edit("incident", theirs, name="Trip")])
    world.faults.on_request.append(lambda request: next(quick)() if theirs in request.path else None)
    report = world.sync()
    assert (report.outcome, report.written, len(world.office())) == ("partial", NOTHING, 2)
    world.faults.on_request.clear()
    world.sync()
    assert [entry.item.kind for entry in world.inbox()] == ["conflict"]


def test_one_that_is_back_at_the_last_moment_keeps_its_partner(build):
    world = build()
    made = int(world.on_site("Fall"))
    world.sync()
    world.procore.hand_delete("incident", made)
    world.sync()
    world.answer(world.inbox()[0].id, "approve")
    quick = iter([lambda: world.procore.hand_restore("incident", made)])
    world.faults.on_request.append(lambda request: next(quick, lambda: None)() if "/view/" in request.path else None)
    report = world.sync()
    assert (report.outcome, report.written, len(world.office())) == ("partial", NOTHING, 1)
    assert (world.sync().written, world.inbox()) == (NOTHING, [])
    assert [str(link.state) for link in world.links()] == ["live"]


def test_a_plan_shows_what_a_cycle_would_do_and_does_none_of_it(build):
    world = build()
    made = world.on_site("Fall")
    world.sync()
    world.procore.hand_edit("incident", int(made), title="Slip")
    world.in_office("Trip")
    for _ in range(2):
        report = world.sync(dry=True)
        acts = sorted((action.side, action.act) for action in report.plan.actions)
        assert (acts, report.written) == ([("fourhse", "update"), ("procore", "create")], NOTHING)
    assert (len(world.links()), len(world.site())) == (1, 1)
    written = world.sync().written
    assert (written["fourhse"]["updated"], written["procore"]["created"]) == (1, 1)


def test_a_value_that_keeps_going_back_is_asked_about(build):
    """Something at 4HSE turns the title back to what it was, and nothing else."""
    world = build()
    made = int(world.on_site("Fall"))
    world.sync()
    [theirs] = world.office()
    for _ in range(6):
        world.procore.hand_edit("incident", made, title="Slip")
        world.sync()
        world.fourhse.hand_edit("incident", theirs, name="Fall")
        world.sync()
    [entry] = world.inbox()
    assert (entry.item.kind, entry.item.field) == ("drift", "title")
    assert (entry.item.procore_value, entry.item.fourhse_value) == ("Slip", "Fall")
    tries = [write for write in world.fourhse.writes if write.fields.get("name") == "Slip"]
    assert len(tries) <= 2
    world.answer(entry.id, "resolve", use="fourhse")
    world.sync()
    assert titles(world) == ("Fall", "Fall")
    assert (world.sync().written, world.inbox()) == (NOTHING, [])
