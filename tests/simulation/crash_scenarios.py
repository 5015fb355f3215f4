"""The situations in which the process is killed. Each is built by people's edits and ordinary cycles alone."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from crash import Scenario
from crash_oracle import MARK, Expected

from procore_4hse.engine import bookkeeping
from procore_4hse.engine.backfill import Span, backfill
from procore_4hse.engine.report import Report
from procore_4hse.models import Act
from procore_4hse.operations import undo
from procore_4hse.operations.history import of_routes
from procore_4hse.reconcile.snapshot import Policy
from procore_4hse.simulator.faults import FaultKind
from procore_4hse.simulator.fourhse_dials import FourHseDials
from procore_4hse.simulator.procore_dials import ProcoreDials
from world import OFFICE, PROJECT, TENANT, World

TEN = timedelta(minutes=10)
CREATES = r"/projects/\d+/incidents$"


# What people do -------------------------------------------------------------------------------------------------


def on_site(world: World, mark: str, title: str = "Fall from a ladder", **fields: Any) -> str:
    return world.on_site(f"{title} {mark}", description=f"Someone was hurt [#{mark}] near the gate.", **fields)


def in_office(world: World, mark: str, title: str = "Cut at the saw", **fields: Any) -> str:
    return world.in_office(f"{title} {mark}", description_event=f"Someone was hurt [#{mark}] near the saw.", **fields)


def site_id(world: World, mark: str) -> int:
    return int(next(key for key, row in world.site().items() if mark in MARK.findall(row["description"])))


def office_id(world: World, mark: str) -> str:
    return next(key for key, row in world.office().items() if mark in MARK.findall(row["description_event"]))


def edit_site(world: World, mark: str, **fields: Any) -> None:
    world.procore.hand_edit("incident", site_id(world, mark), **fields)


def edit_office(world: World, mark: str, **fields: Any) -> None:
    world.fourhse.hand_edit("incident", office_id(world, mark), **fields)


def delete_site(world: World, mark: str) -> None:
    world.procore.hand_delete("incident", site_id(world, mark))


def delete_office(world: World, mark: str) -> None:
    world.fourhse.hand_delete("incident", office_id(world, mark))


def answer(world: World, kind: str, verb: str, **options: Any) -> None:
    entries = [entry for entry in world.inbox() if entry.item.kind == kind]
    assert entries, f"no {kind} waits"
    for entry in entries:
        world.answer(entry.id, verb, **options)


def linked(url: str, **build: Any) -> World:
    """Two pairs born on site (A1, A2) and two born in the office (B1, B2), in sync."""
    world = World.build(url, **build)
    on_site(world, "A1", hour=23)
    on_site(world, "A2")
    in_office(world, "B1")
    in_office(world, "B2")
    world.sync(first=True)
    assert world.sync().outcome == "ok"
    return world


def with_people(url: str) -> World:
    """The pairs, and two people whom both sides employ."""
    return employing(linked(url))


def employing(world: World) -> World:
    """The world with two people whom both sides employ: Ann Lee by her number, Bo Ray by his address."""
    world.procore.add_person(PROJECT, "Ann", "Lee", employee_id="E1")
    world.fourhse.add_person(TENANT, OFFICE, "Ann", "Lee", code="E1")
    world.procore.add_person(PROJECT, "Bo", "Ray", email="bo.ray@example.com")
    world.fourhse.add_person(TENANT, OFFICE, "Bo", "Ray", email="bo.ray@example.com")
    return world


def hurt_on_site(world: World, mark: str, name: str, days: int | None, kind: str = "injury") -> None:
    people = world.procore.register.state.people.values()
    party = next(one.id for one in people if one.name == name)
    lost = {} if days is None else {"work_days_absent": days}
    world.procore.hand_create(kind, PROJECT, incident_id=site_id(world, mark), affected_party_id=party, **lost)


def hurt_in_office(world: World, mark: str, assignment: str, days: int | None) -> None:
    world.fourhse.hand_create(
        "incident-person", OFFICE, office_incident_id=office_id(world, mark), person_office_id=assignment, days=days
    )


PAIRS = (Expected("A1"), Expected("A2"), Expected("B1"), Expected("B2"))


def but(*changed: Expected) -> tuple[Expected, ...]:
    """The four pairs with these expectations in place of theirs, or beside them."""
    return (*(one for one in PAIRS if one.mark not in {other.mark for other in changed}), *changed)


# Creates ----------------------------------------------------------------------------------------------------------


def _strangers(world: World) -> World:
    """Incidents that stand on one side only: open, closed, with an injury."""
    on_site(world, "C1", hour=1)
    on_site(world, "C2", status="closed")
    injured = on_site(world, "C3")
    world.procore.hand_create("injury", PROJECT, incident_id=int(injured))
    in_office(world, "D1")
    closed = in_office(world, "D2")
    for status in ("open", "closed"):
        world.fourhse.hand_edit("incident", closed, status=status, date_closed="2026-02-20")
    return world


STRANGERS = (
    Expected("C1", title="Fall from a ladder C1", day=date(2026, 2, 10), status="open"),
    Expected("C2", status="closed"),
    Expected("C3"),
    Expected("D1", title="Cut at the saw D1", status="open"),
    Expected("D2", status="closed"),
)


def _first_start(url: str) -> World:
    return _strangers(World.build(url))


def _creates(url: str) -> World:
    return _strangers(linked(url))


def _ids_not_kept(url: str) -> World:
    return _strangers(linked(url, fourhse_dials=FourHseDials(client_id_kept=False)))


def _ids_not_kept_at_first(url: str) -> World:
    return _strangers(World.build(url, fourhse_dials=FourHseDials(client_id_kept=False)))


def _closes_in_steps(url: str) -> World:
    dials = FourHseDials(closed_on_create_allowed=False, closing_jump_allowed=False)
    world = _strangers(linked(url, fourhse_dials=dials))
    edit_site(world, "A1", status="closed")
    return world


def _meeting(url: str) -> World:
    world = World.build(url)
    for mark in ("P1", "P2"):
        text = f"The very same words on both sides [#{mark}] of the fence."
        world.on_site(f"Same {mark}", description=text)
        world.in_office(f"Same {mark}", description_event=text)
    on_site(world, "A1")
    in_office(world, "B1")
    assert world.sync().outcome == "stopped"
    answer(world, "guard", "approve")
    return world


FEW, IN_ALL = 2, 7
"""So many links are written in one transaction here, and so many pairs meet: the last transaction is not full."""


def _meeting_in_slices(url: str) -> World:
    """Many pairs at a first meeting; on one both sides name who was hurt, on two more one side does."""
    world = employing(World.build(url))
    for mark in (f"P{number}" for number in range(IN_ALL)):
        text = f"The very same words on both sides [#{mark}] of the fence."
        world.on_site(f"Same {mark}", description=text)
        category = "ACCIDENTS" if mark in HURT_PAIRS else "NON_COMPLIANCE"
        world.in_office(f"Same {mark}", description_event=text, category=category)
    hurt_on_site(world, "P0", "Ann Lee", 3)
    hurt_in_office(world, "P0", _assignment(world, "Ann"), 3)
    hurt_on_site(world, "P3", "Bo Ray", 2)
    hurt_in_office(world, "P6", _assignment(world, "Bo"), 4)
    return world


HURT_PAIRS = ("P0", "P3", "P6")


def _met_in_slices(world: World) -> Report:
    """A cycle that writes a few links at a time."""
    slice_then, bookkeeping.SLICE = bookkeeping.SLICE, FEW
    try:
        return world.sync(first=True)
    finally:
        bookkeeping.SLICE = slice_then


DAYS = (date(2026, 1, 1), date(2026, 1, 31))
MANY = 8


def _before_since(url: str) -> World:
    world = linked(url, since=date(2026, 2, 1))
    for number in range(MANY):
        on_site(world, f"S{number}", day=date(2026, 1, 1 + number))
        in_office(world, f"O{number}", day=date(2026, 1, 11 + number))
    return world


def _backfill(world: World) -> Report:
    return backfill(world.runtime, world.route, Span(*DAYS)).report


# Updates ----------------------------------------------------------------------------------------------------------


def _edit_each_way(world: World) -> World:
    edit_site(world, "A1", title="Fall from the roof")
    edit_site(world, "B1", description="Two people saw it [#B1] happen.")
    edit_office(world, "A2", name="Fall from a scaffold")
    edit_office(world, "B2", date_incident="2026-02-14")
    return world


EDITED = but(
    Expected("A1", title="Fall from the roof"),
    Expected("B1", text="Two people saw it [#B1] happen."),
    Expected("A2", title="Fall from a scaffold"),
    Expected("B2", day=date(2026, 2, 14)),
)


def _updates(url: str) -> World:
    return _edit_each_way(linked(url))


def _put_whole(url: str) -> World:
    return _edit_each_way(linked(url, fourhse_dials=FourHseDials(put_is="full")))


def _put_blanks_now(url: str) -> World:
    world = linked(url, fourhse_dials=FourHseDials(put_is="blanking"))
    edit_site(world, "A1", title="Fall from the roof")
    return world


def _sync_and_approve(world: World) -> Report:
    """A cycle, the approval of what it asks, and the next cycle."""
    if world.sync().outcome == "stopped":
        answer(world, "guard", "approve")
    return world.sync()


def _put_blanks(url: str) -> World:
    world = linked(url, fourhse_dials=FourHseDials(put_is="blanking"))
    edit_site(world, "A1", title="Fall from the roof")
    assert world.sync().outcome == "stopped"
    answer(world, "guard", "approve")
    return world


def _rewriting(url: str) -> World:
    world = linked(
        url,
        procore_dials=ProcoreDials(trims_text=True, html_wraps_description=True),
        fourhse_dials=FourHseDials(trims_text=True, wraps_description_in_html=True),
    )
    edit_site(world, "A1", title="Fall from the roof", description="First < second & third [#A1] <A>")
    edit_office(world, "B1", name="Cut at the bench", description_event="Fourth < fifth [#B1] <B>")
    return _strangers(world)


def _several_fields(url: str) -> World:
    world = linked(url)
    edit_office(
        world, "A1", name="Fall from the roof", date_incident="2026-02-14", status="closed", date_closed="2026-02-20"
    )
    edit_site(world, "B1", title="Cut at the bench", status="closed", description="It bled a lot [#B1] for long.")
    return world


def _reopened(url: str) -> World:
    world = _several_fields(url)
    assert world.sync().outcome == "ok"
    edit_site(world, "A1", status="open")
    edit_office(world, "B1", status="open", date_closed=None)
    return world


def _conflicts(url: str) -> World:
    world = linked(url)
    edit_site(world, "A1", title="Fall, says the site")
    edit_office(world, "A1", name="Fall, says the office")
    world.sync()
    answer(world, "conflict", "resolve", use="fourhse")
    return world


def _refused(url: str) -> World:
    world = _strangers(_updates(url))
    for mark in (b"[#C1]", b"[#D1]"):
        world.faults.add(
            FaultKind.ERROR_BEFORE, status=422, times=None, where=lambda request, mark=mark: mark in request.body
        )
    return world


# Deletions --------------------------------------------------------------------------------------------------------


def _deleted_on_site(url: str) -> World:
    world = linked(url)
    delete_site(world, "A1")
    world.sync()
    return world


def _deleted_in_office(url: str) -> World:
    world = linked(url)
    delete_office(world, "A1")
    world.sync()
    return world


def _approved_on_site(url: str) -> World:
    world = _deleted_on_site(url)
    answer(world, "deletion", "approve")
    return world


def _approved_in_office(url: str) -> World:
    world = _deleted_in_office(url)
    answer(world, "deletion", "approve")
    return world


def _propagated(url: str) -> World:
    world = linked(url, deletions=Policy.PROPAGATE)
    delete_office(world, "A1")
    return world


def _wanted_back_on_site(url: str) -> World:
    world = _deleted_on_site(url)
    answer(world, "deletion", "reject", restore=True)
    return world


def _wanted_back_in_office(url: str) -> World:
    world = _deleted_in_office(url)
    answer(world, "deletion", "reject", restore=True)
    return world


def _back_from_the_bin(url: str) -> World:
    world = linked(url)
    one = site_id(world, "A1")
    world.procore.hand_delete("incident", one)
    world.sync()
    answer(world, "deletion", "approve")
    world.sync()
    world.procore.hand_restore("incident", one)
    return world


def _closed_by_policy(url: str) -> World:
    world = linked(url, deletions=Policy.CLOSE)
    delete_site(world, "A1")
    delete_office(world, "B1")
    return world


def _opened_again(url: str) -> World:
    """Both survivors were closed, and both that were deleted are there again; one was edited."""
    world = linked(url, deletions=Policy.CLOSE)
    ours, theirs = site_id(world, "A1"), world.office()[office_id(world, "B1")]
    delete_site(world, "A1")
    delete_office(world, "B1")
    world.sync()
    world.procore.hand_restore("incident", ours)
    edit_site(world, "A1", title="Fall from the roof")
    names = ("office_incident_id", "name", "date_incident", "category", "description_event")
    world.fourhse.hand_create("incident", OFFICE, **{name: theirs[name] for name in names})
    return world


# People -----------------------------------------------------------------------------------------------------------


def _hurt(url: str) -> World:
    """New incidents with an injured person on either side, and an injury on one that is linked already."""
    world = with_people(url)
    on_site(world, "C1")
    hurt_on_site(world, "C1", "Ann Lee", 3)
    in_office(world, "D1", category="ACCIDENTS")
    hurt_in_office(world, "D1", _assignment(world, "Bo"), 5)
    hurt_on_site(world, "A1", "Bo Ray", None)
    return world


def _assignment(world: World, first_name: str) -> str:
    rows = world.fourhse.snapshot().tables
    person = next(one["person_id"] for one in rows["person"].values() if one["first_name"] == first_name)
    return str(next(key for key, one in rows["person-office"].items() if one["person_id"] == person))


def _days_changed(url: str) -> World:
    world = _hurt(url)
    world.sync()
    assert world.sync().outcome == "ok"
    injury = next(row for row in world.site()[str(site_id(world, "D1"))]["injuries"])
    world.procore.hand_edit("injury", injury["id"], work_days_absent=8)
    person = next(row for row in world.office()[office_id(world, "C1")]["persons"])
    world.fourhse.hand_edit("incident-person", person["office_incident_person_id"], days=9)
    return world


def _hurt_and_deleted(url: str) -> World:
    world = _hurt(url)
    world.sync()
    assert world.sync().outcome == "ok"
    delete_site(world, "C1")
    delete_office(world, "D1")
    world.sync()
    answer(world, "deletion", "approve")
    return world


def _hurt_and_wanted_back(url: str) -> World:
    world = _hurt(url)
    world.sync()
    assert world.sync().outcome == "ok"
    delete_site(world, "D1")
    delete_office(world, "C1")
    world.sync()
    answer(world, "deletion", "reject", restore=True)
    return world


def _lost_person(url: str) -> World:
    world = _hurt(url)
    world.faults.add(FaultKind.LOST_ANSWER, path="incident-person/create")
    world.faults.add(FaultKind.LOST_ANSWER, method="POST", path="/incidents/injuries")
    world.sync()
    return world


def _recognised_late(url: str) -> World:
    """Near misses of two people; the office calls it an accident, and a person says who of them was hurt."""
    world = with_people(url)
    hurt_on_site(world, "A1", "Ann Lee", None, kind="near_miss")
    hurt_on_site(world, "B1", "Bo Ray", None, kind="near_miss")
    world.sync()
    assert world.sync().outcome == "ok"
    for mark, days in (("A1", 9), ("B1", 4)):
        edit_office(world, mark, category="ACCIDENTS")
        person = next(row for row in world.office()[office_id(world, mark)]["persons"])
        world.fourhse.hand_edit("incident-person", person["office_incident_person_id"], days=days)
    world.sync()
    answer(world, "conflict", "approve", use="injury")
    return world


def _wrong_partner(url: str) -> World:
    """Cy was taken for Bo, on three incidents; that was taken back, and a person has said who he is."""
    world = with_people(url)
    cy = world.procore.add_person(PROJECT, "Cy", "Roe")
    right = world.fourhse.add_person(TENANT, OFFICE, "Cy", "Roe")
    _remember(world, {str(cy): _assignment(world, "Bo")})
    for mark in ("A1", "A2", "B1"):
        hurt_on_site(world, mark, "Cy Roe", 3)
    world.sync()
    assert world.sync().outcome == "ok"
    _remember(world, {})
    world.sync()
    answer(world, "drift", "approve", with_id=right)
    return world


def _remember(world: World, partners: dict[str, str]) -> None:
    with world.store.begin() as unit:
        unit.routes.remember(world.route.key, world.route.name, partners=partners)


def _swapped(url: str) -> World:
    """4HSE had exchanged two people; it was corrected there, and a person says that Procore names the right ones."""
    world = linked(url)
    exchanged = {("Cy", "Roe"): "E8", ("Di", "Fox"): "E9"}
    for (first, last), number in exchanged.items():
        world.procore.add_person(PROJECT, first, last, employee_id=number)
        world.fourhse.add_person(TENANT, OFFICE, first, last, code=number)
    for mark in ("A1", "A2"):
        hurt_on_site(world, mark, CY, 3)
    edit_office(world, "B1", category="ACCIDENTS")
    hurt_in_office(world, "B1", _assignment(world, "Di"), 5)
    world.sync()
    assert world.sync().outcome == "ok"
    people = [world.fourhse.look("person-office", _assignment(world, name))["person_id"] for name in ("Di", "Cy")]
    for person, ((first, last), number) in zip(people, exchanged.items(), strict=True):
        world.fourhse.hand_edit("person", person, first_name=first, last_name=last, code=number)
    world.clock.advance(hours=7)
    world.sync()
    answer(world, "drift", "resolve", use="procore")
    return world


ANN, BO, CY, DI = "Ann Lee", "Bo Ray", "Cy Roe", "Di Fox"
HURT = (
    *but(Expected("A1", people=((BO, None),))),
    Expected("C1", people=((ANN, 3),)),
    Expected("D1", people=((BO, 5),)),
)


# Lost answers: the process dies while it settles them -----------------------------------------------------------------


def _lost_create(url: str, fault: FaultKind, **build: Any) -> World:
    world = linked(url, **build)
    in_office(world, "D1")
    world.faults.add(fault, method="POST", path=CREATES, delay=TEN)
    world.sync()
    return world


def _lost_without_author(url: str) -> World:
    return _lost_create(url, FaultKind.LOST_ANSWER, procore_dials=ProcoreDials(created_by_null=True))


def _lost_with_token(url: str) -> World:
    dials = ProcoreDials(idempotency_token_honoured=True, time_unknown_default_hides=True)
    return _lost_create(url, FaultKind.ERROR_AFTER, procore_dials=dials)


def _never_arrived(url: str) -> World:
    world = _lost_create(url, FaultKind.REFUSED_CONNECTION)
    world.sync()
    world.clock.advance(minutes=25)
    return world


def _arrives_late(url: str) -> World:
    world = _lost_create(url, FaultKind.LATE)
    world.sync()
    return world


def _lost_in_office(url: str) -> World:
    world = linked(url, fourhse_dials=FourHseDials(client_id_kept=False))
    on_site(world, "C1")
    world.faults.add(FaultKind.LOST_ANSWER, path="incident/create")
    world.sync()
    return world


def _lost_updates(url: str) -> World:
    world = _several_fields(url)
    world.faults.add(FaultKind.LOST_ANSWER, method="PATCH")
    world.faults.add(FaultKind.HALF_JSON, method="PUT")
    world.sync()
    return world


def _lost_deletes(url: str) -> World:
    world = linked(url)
    delete_site(world, "A1")
    delete_office(world, "B1")
    world.sync()
    answer(world, "deletion", "approve")
    world.faults.add(FaultKind.LOST_ANSWER, method="DELETE", times=2)
    world.sync()
    return world


def _twice(world: World) -> Report:
    world.sync()
    return world.sync()


def _taken_back(url: str) -> World:
    """A title and a day that crossed, one each way, of which a person takes both writes back."""
    world = linked(url)
    edit_site(world, "A1", title="Fall from the roof A1")
    edit_office(world, "B1", date_incident="2026-02-14")
    world.sync()
    assert world.sync().outcome == "ok"
    edited = [write for write in of_routes(world.store, [world.route]) if write.act is Act.UPDATE]
    for write in edited:
        undo.keep(world.store, world.runtime.holder, undo.prepare(world.store, (world.route,), write.id))
    return world


GONE = but(Expected("A1", gone=True))
D1 = Expected("D1", title="Cut at the saw D1", status="open")

SCENARIOS = (
    Scenario("first start", _first_start, STRANGERS, lambda world: world.sync(first=True), fresh=True),
    Scenario("creates both ways", _creates, (*PAIRS, *STRANGERS)),
    Scenario("4HSE keeps no id of ours", _ids_not_kept, (*PAIRS, *STRANGERS)),
    Scenario("4HSE keeps no id, first cycle", _ids_not_kept_at_first, STRANGERS, lambda world: world.sync(first=True)),
    Scenario("4HSE closes in steps", _closes_in_steps, (*but(Expected("A1", status="closed")), *STRANGERS)),
    Scenario("first meeting with pairs", _meeting, tuple(Expected(mark) for mark in ("P1", "P2", "A1", "B1"))),
    Scenario(
        "first meeting in slices",
        _meeting_in_slices,
        (
            *(Expected(f"P{number}") for number in (1, 2, 4, 5)),
            Expected("P0", people=((ANN, 3),)),
            Expected("P3", people=((BO, 2),)),
            Expected("P6", people=((BO, 4),)),
        ),
        _met_in_slices,
    ),
    Scenario(
        "backfill",
        _before_since,
        (*PAIRS, *(Expected(f"{side}{number}") for side in "SO" for number in range(MANY))),
        _backfill,
    ),
    Scenario("updates each way", _updates, EDITED),
    Scenario("4HSE's PUT wants all", _put_whole, EDITED),
    Scenario("4HSE's PUT blanks the rest", _put_blanks, but(Expected("A1", title="Fall from the roof"))),
    Scenario(
        "4HSE's PUT blanks, found out",
        _put_blanks_now,
        but(Expected("A1", title="Fall from the roof")),
        _sync_and_approve,
    ),
    Scenario(
        "servers rewrite text",
        _rewriting,
        (
            *but(
                Expected("A1", title="Fall from the roof", text="First < second & third [#A1] <A>"),
                Expected("B1", title="Cut at the bench", text="Fourth < fifth [#B1] <B>"),
            ),
            *STRANGERS,
        ),
    ),
    Scenario(
        "several fields and status",
        _several_fields,
        but(
            Expected("A1", title="Fall from the roof", day=date(2026, 2, 14), status="closed"),
            Expected("B1", title="Cut at the bench", status="closed", text="It bled a lot [#B1] for long."),
        ),
    ),
    Scenario("reopened each way", _reopened, but(Expected("A1", status="open"), Expected("B1", status="open"))),
    Scenario("conflict answered", _conflicts, but(Expected("A1", title="Fall, says the office"))),
    Scenario(
        "writes taken back",
        _taken_back,
        but(Expected("A1", title="Fall from a ladder A1"), Expected("B1", day=date(2026, 2, 10))),
    ),
    Scenario(
        "refused records",
        _refused,
        (
            *EDITED,
            *(one for one in STRANGERS if one.mark not in ("C1", "D1")),
            Expected("C1", only="Procore", waits="refused"),
            Expected("D1", only="4HSE", waits="refused"),
        ),
    ),
    Scenario("deletion approved, from site", _approved_on_site, GONE),
    Scenario("deletion approved, from office", _approved_in_office, GONE),
    Scenario("deletion propagated", _propagated, GONE),
    Scenario("restored from the bin", _wanted_back_on_site, PAIRS),
    Scenario("made again in 4HSE", _wanted_back_in_office, PAIRS),
    Scenario("back from the bin by hand", _back_from_the_bin, PAIRS),
    Scenario(
        "survivors closed",
        _closed_by_policy,
        but(Expected("A1", only="4HSE", status="closed"), Expected("B1", only="Procore", status="closed")),
    ),
    Scenario(
        "closed survivors opened again",
        _opened_again,
        but(Expected("A1", title="Fall from the roof", status="open"), Expected("B1", status="open")),
    ),
    Scenario("people cross", _hurt, HURT),
    Scenario(
        "days of people change",
        _days_changed,
        (*HURT[:-2], Expected("C1", people=((ANN, 9),)), Expected("D1", people=((BO, 8),))),
    ),
    Scenario(
        "deleted with people", _hurt_and_deleted, (*HURT[:-2], Expected("C1", gone=True), Expected("D1", gone=True))
    ),
    Scenario("brought back with people", _hurt_and_wanted_back, HURT),
    Scenario("lost answers about people", _lost_person, HURT),
    Scenario(
        "accidents recognised late",
        _recognised_late,
        but(
            Expected("A1", people=((ANN, 9),), near_misses=()),
            Expected("B1", people=((BO, 4),), near_misses=()),
        ),
    ),
    Scenario(
        "wrong partner corrected",
        _wrong_partner,
        but(*(Expected(mark, people=((CY, 3),)) for mark in ("A1", "A2", "B1"))),
    ),
    Scenario(
        "exchanged people corrected",
        _swapped,
        but(*(Expected(mark, people=((CY, 3),)) for mark in ("A1", "A2")), Expected("B1", people=((DI, 5),))),
    ),
    Scenario("lost create, no author shown", _lost_without_author, (*PAIRS, D1)),
    Scenario("lost create, token honoured", _lost_with_token, (*PAIRS, D1)),
    Scenario("lost create, never arrived", _never_arrived, (*PAIRS, D1), _twice),
    Scenario("lost create, arrives late", _arrives_late, (*PAIRS, D1), _twice),
    Scenario("lost create in 4HSE", _lost_in_office, (*PAIRS, Expected("C1"))),
    Scenario(
        "lost updates",
        _lost_updates,
        but(
            Expected("A1", title="Fall from the roof", day=date(2026, 2, 14), status="closed"),
            Expected("B1", title="Cut at the bench", status="closed", text="It bled a lot [#B1] for long."),
        ),
    ),
    Scenario("lost deletes", _lost_deletes, but(Expected("A1", gone=True), Expected("B1", gone=True))),
)
