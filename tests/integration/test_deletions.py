"""Nothing is deleted without evidence, and a person may always say what becomes of the survivor."""

from collections.abc import Callable
from typing import Any

import pytest

from actors import hire_in_office, hurt_in_office
from odd_values import Spoiled, Spoiler
from procore_4hse.models import Kind, RecordRef, Side
from procore_4hse.reconcile.snapshot import Policy
from procore_4hse.simulator.faults import FaultKind
from procore_4hse.simulator.fourhse_dials import FourHseDials
from procore_4hse.simulator.wire import Request
from world import OFFICE, PROJECT, TENANT, World

pytestmark = pytest.mark.any_store

NOTHING = {side: {"created": 0, "updated": 0, "deleted": 0} for side in ("procore", "fourhse")}


def linked(build, many: int = 3, **route) -> World:
    world = build(**route)
    for number in range(many):
        world.on_site(f"Fall {number}")
    world.sync(first=True)
    return world


def first(world: World) -> tuple[int, str]:
    link = min(world.links(), key=lambda link: link.id)
    return int(link.procore_id), link.fourhse_id


def states(world: World) -> dict[str, str]:
    return {link.procore_id: str(link.state) for link in world.links()}


def delete(world: World, side: str) -> tuple[int, str]:
    """A person deletes one incident on that side; returns both its ids."""
    ours, theirs = first(world)
    if side == "procore":
        world.procore.hand_delete("incident", ours)
    else:
        world.fourhse.hand_delete("incident", theirs)
    return ours, theirs


def bring_back(world: World, side: str, ours: int, row: dict[str, Any], **fields: Any) -> None:
    """The deleted one is there again under its id, with these values; `row` is what 4HSE's held."""
    if side == "procore":
        world.procore.hand_restore("incident", ours)
        world.procore.hand_edit("incident", ours, **fields)
        return
    names = ("office_incident_id", "name", "date_incident", "category", "description_event", "status")
    world.fourhse.hand_create("incident", OFFICE, **{**{name: row[name] for name in names}, **fields})


def opens(request: Request) -> bool:
    return request.method in ("PATCH", "PUT") and b'"open"' in request.body


BOTH = pytest.mark.parametrize("side", ["procore", "fourhse"])


@BOTH
def test_a_deletion_is_asked_about(build, side):
    world = linked(build)
    delete(world, side)
    report = world.sync()
    assert (report.outcome, report.exit_code, report.written) == ("ok", 0, NOTHING)
    [entry] = world.inbox()
    assert entry.item.kind == "deletion"
    assert report.population["procore"]["waiting"] + report.population["fourhse"]["waiting"] == 1
    assert world.sync().written == NOTHING
    assert [again.id for again in world.inbox()] == [entry.id]


@BOTH
def test_approved_the_survivor_goes_too(build, side):
    world = linked(build)
    ours, _ = delete(world, side)
    world.sync()
    world.answer(world.inbox()[0].id, "approve")
    report = world.sync()
    assert report.written["fourhse" if side == "procore" else "procore"]["deleted"] == 1
    assert (len(world.site()), len(world.office()), world.inbox()) == (2, 2, [])
    assert states(world)[str(ours)] == "ended"
    assert (world.sync().written, world.sync().exit_code) == (NOTHING, 0)


@BOTH
def test_rejected_it_stays_and_is_never_copied(build, side):
    world = linked(build)
    ours, _ = delete(world, side)
    world.sync()
    world.answer(world.inbox()[0].id, "reject")
    for _ in range(3):
        assert world.sync().written == NOTHING
    assert len(world.site()) + len(world.office()) == 5
    assert (states(world)[str(ours)], world.inbox()) == ("ignored", [])
    report = world.sync()
    assert report.population["fourhse" if side == "procore" else "procore"]["excluded"] == 1


@BOTH
def test_or_the_deleted_one_is_brought_back(build, side):
    world = linked(build)
    ours, theirs = delete(world, side)
    world.sync()
    world.answer(world.inbox()[0].id, "reject", restore=True)
    world.sync()
    world.sync()
    assert (len(world.site()), len(world.office()), world.inbox()) == (3, 3, [])
    assert set(states(world).values()) == {"live"}
    if side == "procore":
        assert str(ours) in world.site()
    else:
        assert theirs not in world.office(), "nothing comes back in 4HSE: it is made again under the next id"
    world.procore.hand_edit("incident", ours, title="Slip")
    assert world.sync().written["fourhse"]["updated"] == 1


def test_one_that_cannot_be_made_again_as_it_stands_is_asked_about_until_it_can(build):
    world = linked(build)
    ours, _ = delete(world, "fourhse")
    spoiler = Spoiler(True, "Procore incident", path=("event_date",), value={}, targets={"Procore incident": str(ours)})
    spoilt: Any = Spoiled(world.procore, spoiler)
    plain, world.runtime = world.runtime, world._house(world.store, world.clock, spoilt, world.fourhse)
    world.sync()
    world.answer(world.inbox()[0].id, "reject", restore=True)
    for _ in range(2):
        assert world.sync().written == NOTHING
        [entry] = world.inbox()
        assert (entry.item.kind, entry.item.field, entry.item.procore_id) == ("word", "day", str(ours))
    world.runtime = plain
    world.sync()
    [entry] = world.inbox()
    assert entry.item.key.startswith("deletion"), "it shows something else than when it was answered"
    world.answer(entry.id, "reject", restore=True)
    assert world.sync().written["fourhse"]["created"] == 1
    assert (world.sync().written, world.inbox()) == (NOTHING, [])


def test_one_that_comes_back_by_itself_right_before_it_is_made_again_gets_no_twin(build):
    world = linked(build)
    theirs = first(world)[1]
    row = world.office()[theirs]
    delete(world, "fourhse")
    world.sync()
    world.answer(world.inbox()[0].id, "reject", restore=True)
    again = world.links()[0].fourhse_id

    def comes_back(request):
        """The vendor's support is quicker than our create, and we have listed the office already."""
        if "/incident/view/" in request.path and again not in request.path and theirs not in world.office():
            names = ("office_incident_id", "name", "date_incident", "category", "description_event", "status")
            world.fourhse.hand_create("incident", OFFICE, **{name: row[name] for name in names})

    world.faults.on_request.append(comes_back)
    report = world.sync()
    assert report.outcome == "partial"
    assert report.reason == "4HSE shows the deleted record again; it is planned anew in the next cycle."
    assert sorted(world.office()) == sorted(link.fourhse_id for link in world.links())
    assert world.sync().outcome == "ok"
    assert (len(world.office()), set(states(world).values())) == (3, {"live"})


def test_one_that_comes_back_by_itself_right_before_its_partner_is_deleted_keeps_it(build):
    world = linked(build)
    ours, theirs = first(world)
    row = world.office()[theirs]
    delete(world, "fourhse")
    world.sync()
    world.answer(world.inbox()[0].id, "approve")

    def comes_back(request):
        """Its partner is read once more before the delete, and by then we have listed the office."""
        if request.path.endswith(f"/incidents/{ours}") and theirs not in world.office():
            names = ("office_incident_id", "name", "date_incident", "category", "description_event", "status")
            world.fourhse.hand_create("incident", OFFICE, **{name: row[name] for name in names})

    world.faults.on_request.append(comes_back)
    report = world.sync()
    assert (report.outcome, report.written) == ("partial", NOTHING)
    assert report.reason == "4HSE shows the deleted incident again; it is planned anew in the next cycle."
    assert world.sync().outcome == "ok"
    assert (len(world.site()), len(world.office()), set(states(world).values())) == (3, 3, {"live"})


def test_restored_by_hand_it_is_the_same_link_again(build):
    world = linked(build)
    ours, theirs = delete(world, "procore")
    world.sync()
    world.procore.hand_restore("incident", ours)
    assert world.sync().written == NOTHING
    assert (states(world)[str(ours)], world.inbox()) == ("live", [])
    assert len(world.office()) == 3
    world.fourhse.hand_edit("incident", theirs, name="Slip")
    assert world.sync().written["procore"]["updated"] == 1


def test_restored_after_both_went_it_is_made_again(build):
    world = linked(build)
    ours, theirs = delete(world, "procore")
    world.sync()
    world.answer(world.inbox()[0].id, "approve")
    world.sync()
    world.procore.hand_restore("incident", ours)
    world.sync()
    assert len(world.office()) == 3
    assert theirs not in world.office()
    assert states(world)[str(ours)] == "live"
    assert world.sync().written == NOTHING


@BOTH
def test_deleted_here_and_edited_there_is_a_conflict(build, side):
    world = linked(build)
    ours, theirs = delete(world, side)
    if side == "procore":
        world.fourhse.hand_edit("incident", theirs, name="Slip")
    else:
        world.procore.hand_edit("incident", ours, title="Slip")
    assert world.sync().written == NOTHING
    [entry] = world.inbox()
    assert (entry.item.kind, entry.item.field) == ("conflict", None)


@BOTH
def test_edited_after_the_question_it_is_asked_again(build, side):
    world = linked(build)
    ours, theirs = delete(world, side)
    world.sync()
    world.answer(world.inbox()[0].id, "approve")
    if side == "procore":
        world.fourhse.hand_edit("incident", theirs, name="Slip")
    else:
        world.procore.hand_edit("incident", ours, title="Slip")
    assert world.sync().written == NOTHING
    assert [entry.item.kind for entry in world.inbox()] == ["conflict"]


def test_propagate_goes_by_itself_into_the_bin_alone(build):
    world = linked(build, deletions=Policy.PROPAGATE)
    ours, _ = delete(world, "fourhse")
    assert world.sync().written["procore"]["deleted"] == 1
    assert [row["id"] for row in world.procore.bin(PROJECT)] == [ours]
    world.procore.hand_delete("incident", int(min(world.site())))
    assert world.sync().written == NOTHING, "in 4HSE nothing comes back: each one is approved"
    assert [entry.item.kind for entry in world.inbox()] == ["deletion"]


@BOTH
def test_close_closes_the_survivor_and_opens_it_when_the_other_is_back(build, side):
    world = linked(build, deletions=Policy.CLOSE)
    ours, theirs = delete(world, side)
    world.sync()
    survivor = world.office()[theirs] if side == "procore" else world.site()[str(ours)]
    assert survivor["status"] == "closed"
    assert states(world)[str(ours)] == "closed-by-policy"
    assert (world.sync().written, world.inbox()) == (NOTHING, [])
    if side == "procore":
        world.procore.hand_restore("incident", ours)
        world.sync()
        assert world.office()[theirs]["status"] == "open"
        assert states(world)[str(ours)] == "live"
        assert world.sync().written == NOTHING


@pytest.mark.one_case_in(3)
@pytest.mark.parametrize("kind", [FaultKind.UNAVAILABLE, FaultKind.ERROR_BEFORE])
@pytest.mark.parametrize("edited", [False, True])
@BOTH
def test_our_own_close_is_undone_also_when_the_first_write_of_it_fails(build, side, edited, kind):
    """It must not pass for a person's edit meanwhile, which would close the record that is back as well."""
    world = linked(build, deletions=Policy.CLOSE)
    held = world.office()[first(world)[1]]
    ours, theirs = delete(world, side)
    world.sync()
    title = {"title": "Slip"} if side == "procore" else {"name": "Slip"}
    bring_back(world, side, ours, held, **(title if edited else {}))
    world.faults.add(kind, where=opens, status=422)
    world.sync()
    assert states(world)[str(ours)] == "closed-by-policy"
    for _ in range(3):
        world.clock.advance(hours=1)
        world.sync()
    assert "closed" not in (world.site()[str(ours)]["status"], world.office()[theirs]["status"])
    assert (states(world)[str(ours)], world.inbox()) == ("live", [])


@BOTH
def test_ignore_leaves_the_survivor_alone(build, side):
    world = linked(build, deletions=Policy.IGNORE)
    ours, _ = delete(world, side)
    for _ in range(2):
        assert world.sync().written == NOTHING
    assert (states(world)[str(ours)], world.inbox()) == ("ignored", [])


@BOTH
@pytest.mark.parametrize("policy", [Policy.IGNORE, Policy.CLOSE])
def test_what_is_back_while_its_survivor_goes_is_asked_about_and_not_left_out(build, side, policy):
    world = linked(build, deletions=policy)
    row = world.office()[first(world)[1]]
    ours, _ = delete(world, side)
    world.sync()
    bring_back(world, side, ours, row)
    delete(world, {"procore": "fourhse", "fourhse": "procore"}[side])
    world.sync()
    assert [entry.item.kind for entry in world.inbox()] == ["missing"]
    [entry] = world.inbox()
    world.answer(entry.id, "approve")
    report = world.sync()
    assert (report.outcome, world.inbox()) == ("ok", [])


def test_both_gone_is_the_end_of_the_link(build):
    world = linked(build)
    ours, theirs = first(world)
    world.procore.hand_delete("incident", ours)
    world.fourhse.hand_delete("incident", theirs)
    assert world.sync().written == NOTHING
    assert (states(world)[str(ours)], world.inbox()) == ("ended", [])


# Absence is no evidence ----------------------------------------------------------------------------------------------


def test_a_lost_permission_freezes_and_asks(build):
    world = linked(build, 4)
    world.fourhse.revoke(world.route.fourhse_office, 0.5)
    report = world.sync()
    assert report.written == NOTHING
    assert {entry.item.kind for entry in world.inbox()} == {"missing"}
    assert report.inbox["missing"] == 2
    world.fourhse.grant(world.route.fourhse_office)
    assert world.sync().written == NOTHING
    assert (set(states(world).values()), world.inbox()) == ({"live"}, [])


def test_a_missing_one_may_be_told_deleted(build):
    world = linked(build)
    world.fourhse.revoke(world.route.fourhse_office, 0.34)
    world.sync()
    world.answer(world.inbox()[0].id, "approve")
    world.sync()
    assert [entry.item.kind for entry in world.inbox()] == ["deletion"]
    assert len(world.site()) == 3


def test_without_bin_rights_nothing_is_proven(build):
    world = linked(build)
    world.procore.forbid("recycle_bin")
    delete(world, "procore")
    assert world.sync().written == NOTHING
    assert [entry.item.kind for entry in world.inbox()] == ["missing"]
    world.procore.permit_all()
    world.sync()
    assert [entry.item.kind for entry in world.inbox()] == ["deletion"]


@pytest.mark.parametrize("path", ["/incidents$", "/incident/index"])
def test_an_emptied_side_stops_the_route(build, path):
    world = linked(build)
    world.faults.add(FaultKind.EMPTY, path=path, times=None)
    report = world.sync()
    assert (report.outcome, report.exit_code, report.written) == ("stopped", 7, NOTHING)
    assert (len(world.site()), len(world.office())) == (3, 3)
    assert "guard" in {entry.item.kind for entry in world.inbox()}
    world.faults.clear()
    report = world.sync()
    assert (report.outcome, world.inbox(), set(states(world).values())) == ("ok", [], {"live"})


def test_a_historicized_office_is_no_deletion(build):
    world = linked(build)
    world.fourhse.historicize_office(world.route.fourhse_office)
    report = world.sync()
    assert (report.outcome, report.written) == ("stopped", NOTHING)
    world.fourhse.reactivate_office(world.route.fourhse_office)
    assert (world.sync().outcome, world.inbox()) == ("ok", [])


def test_too_many_deletions_wait_for_one_approval(build):
    world = linked(build, 25, deletions=Policy.PROPAGATE)
    for link in world.links()[:2]:
        world.fourhse.hand_delete("incident", link.fourhse_id)
    assert world.sync().written["procore"]["deleted"] == 2
    living = [link for link in world.links() if link.state == "live"]
    for link in living[:3]:
        world.fourhse.hand_delete("incident", link.fourhse_id)
    report = world.sync()
    assert report.written == NOTHING
    assert len(world.site()) == 23
    kinds = {entry.item.kind for entry in world.inbox()}
    assert kinds <= {"guard", "missing"}
    assert kinds


# What goes with an incident of 4HSE -------------------------------------------------------------------------------


def approved(world: World) -> None:
    (entry,) = world.inbox()
    world.answer(entry.id, "approve")


def forces(world: World) -> list[str]:
    """The `force` of every delete from now on, as it is asked for."""
    asked: list[str] = []

    def note(request: Request) -> None:
        if request.method == "DELETE" and "/incident/delete/" in request.path:
            asked.append(dict(request.query)["force"])

    world.faults.on_request.append(note)
    return asked


def resource_of(world: World, incident: str) -> str:
    return involve(world, incident, world.fourhse.add_equipment(TENANT, OFFICE, "Crane", code="EQ-1"), "EQUIPMENT")


def environment_of(world: World, incident: str) -> str:
    """A kind of resource that no mapping compares."""
    place = world.fourhse.hand_create("work-environment", OFFICE, name="Loading bay", code="WE-1")
    return involve(world, incident, place, "WORK_ENVIRONMENT")


def involve(world: World, incident: str, resource: str, kind: str) -> str:
    return world.fourhse.hand_create(
        "incident-resource", OFFICE, office_incident_id=incident, entity_id=resource, entity_type=kind
    )


def before_it_is_deleted(world: World, then: Callable[[], object]) -> None:
    """Somebody is quicker: this happens in 4HSE when our delete is already on its way."""
    waits = [then]

    def meets(request: Request) -> None:
        if request.method == "DELETE" and waits:
            waits.pop()()

    world.faults.on_request.append(meets)


@pytest.mark.parametrize(
    ("dials", "sent"),
    [
        ({}, ["false"]),
        ({"delete_preview_status": 200}, ["false"]),
        ({"force_false_deletes_childless": False}, ["false", "true"]),
        ({"force_false_deletes_childless": False, "delete_preview_status": 200}, ["false", "true"]),
    ],
)
def test_what_has_nothing_below_it_is_deleted_whatever_the_first_call_says(build, dials, sent):
    world = linked(build, fourhse_dials=FourHseDials(**dials))
    _, theirs = delete(world, "procore")
    world.sync()
    approved(world)
    asked = forces(world)
    assert world.sync().written["fourhse"]["deleted"] == 1
    assert (asked, theirs in world.office(), world.inbox()) == (sent, False, [])


@pytest.mark.parametrize("status", [400, 200])
def test_people_that_the_question_named_go_too_and_leave_their_image(build, status):
    world = linked(build, fourhse_dials=FourHseDials(delete_preview_status=status))
    theirs = first(world)[1]
    person = hurt_in_office(world, theirs, hire_in_office(world), days=3)
    world.sync()
    delete(world, "procore")
    world.sync()
    (entry,) = world.inbox()
    assert "With it would go 1 involved person (3 days)." in entry.item.reason
    assert entry.item.facts["goes_with"] == [person]
    approved(world)
    asked = forces(world)
    assert world.sync().written["fourhse"]["deleted"] == 1
    assert (asked, theirs in world.office(), world.inbox()) == (["false", "true"], False, [])
    with world.store.read() as unit:
        stone = unit.links(world.route.key).tombstone(RecordRef(Side.FOURHSE, Kind.PERSON, person))
    assert stone.record.payload["days"] == 3


@pytest.mark.parametrize("status", [400, 200])
def test_a_person_added_at_the_last_moment_keeps_the_incident_and_is_asked_about(build, status):
    world = linked(build, fourhse_dials=FourHseDials(delete_preview_status=status))
    theirs = delete(world, "procore")[1]
    assignment = hire_in_office(world)
    world.sync()
    approved(world)
    asked = forces(world)
    before_it_is_deleted(world, lambda: hurt_in_office(world, theirs, assignment, days=3))
    report = world.sync()
    assert (report.outcome, report.written, asked) == ("partial", NOTHING, ["false"])
    assert report.reason == "4HSE would delete more than was asked about; it is planned anew in the next cycle."
    for _ in range(2):
        (entry,) = world.inbox()
        assert "With it would go 1 involved person (3 days)." in entry.item.reason
        assert world.sync().written == NOTHING
    approved(world)
    assert world.sync().written["fourhse"]["deleted"] == 1
    assert (theirs in world.office(), world.inbox()) == (False, [])


def test_a_person_added_after_the_approval_is_asked_about_before_any_call(build):
    world = linked(build)
    theirs = delete(world, "procore")[1]
    world.sync()
    approved(world)
    hurt_in_office(world, theirs, hire_in_office(world), days=3)
    asked = forces(world)
    assert world.sync().written == NOTHING
    assert asked == []
    approved(world)
    assert world.sync().written["fourhse"]["deleted"] == 1


def test_a_resource_that_no_pull_reads_is_found_by_the_delete_and_asked_about(build):
    world = linked(build)
    theirs = delete(world, "procore")[1]
    piece = resource_of(world, theirs)
    world.sync()
    assert "Resources, actions and files there: not known." in world.inbox()[0].item.reason
    approved(world)
    assert world.sync().outcome == "partial"
    world.sync()
    (entry,) = world.inbox()
    assert "With it would go 1 resource." in entry.item.reason
    assert entry.item.facts["goes_with"] == [piece]
    approved(world)
    assert world.sync().written["fourhse"]["deleted"] == 1
    assert (theirs in world.office(), world.inbox()) == (False, [])


def test_what_moved_to_another_office_is_not_deleted(build):
    world = linked(build)
    theirs = delete(world, "procore")[1]
    elsewhere = "5b7f5a5e-1d39-4a7c-8f43-7b1d6f3a9e03"
    world.fourhse.add_office(TENANT, elsewhere, "Annex")
    world.sync()
    approved(world)
    moves = [theirs]

    def moved(request: Request) -> None:
        if moves and request.path.endswith(f"/incident/view/{theirs}"):
            world.fourhse.hand_edit("incident", moves.pop(), subtenant_id=elsewhere)

    world.faults.on_request.append(moved)
    asked = forces(world)
    report = world.sync()
    assert (report.outcome, report.written, asked) == ("partial", NOTHING, [])
    (entry,) = world.inbox()
    assert entry.item.reason.endswith(f"It is in another office of 4HSE now: {elsewhere}.")
    for _ in range(2):
        assert world.sync().written == NOTHING
    assert (asked, world.fourhse.look("incident", theirs)["subtenant_id"]) == ([], elsewhere)


def test_an_answer_about_any_resource_may_come_cycles_later(build):
    """What the delete found stays in the question, though no mapping compares it and no pull reads it."""
    world = linked(build)
    ours, theirs = delete(world, "procore")
    piece = environment_of(world, theirs)
    world.sync()
    world.answer(world.inbox()[0].id, "approve")
    world.sync()
    for _ in range(3):
        world.sync()
        [entry] = world.inbox()
        assert entry.item.facts["goes_with"] == [piece]
    world.answer(entry.id, "approve")
    world.sync()
    assert (states(world)[str(ours)], len(world.office()), world.inbox()) == ("ended", 2, [])
