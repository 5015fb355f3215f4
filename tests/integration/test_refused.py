"""A record that a vendor refuses: the others cross, its words reach the inbox, and it is tried again with patience."""

from datetime import timedelta
from itertools import pairwise

import pytest

from actors import hire, hurt_on_site
from procore_4hse.simulator.faults import FaultKind
from procore_4hse.simulator.fourhse_dials import FourHseDials
from world import World

pytestmark = pytest.mark.any_store

NOTHING = {side: {"created": 0, "updated": 0, "deleted": 0} for side in ("procore", "fourhse")}
TOO_LONG = "Name should contain at most"


@pytest.fixture
def world(build) -> World:
    """Three linked incidents; 4HSE will not take a title with a word that nobody expected."""
    world = build()
    for number in range(3):
        world.on_site(f"Fall {number}")
    world.sync(first=True)
    return world


def refuse(world: World, method: str, path: str, times: int | None = None, word: str = "cursed") -> None:
    world.faults.add(
        FaultKind.ERROR_BEFORE, method=method, path=path, times=times, status=422,
        where=lambda request: word.encode() in request.body,
    )  # fmt: skip


def test_the_others_cross_and_the_words_are_kept(world):
    refuse(world, "PUT", "/incident/update")
    ids = sorted(world.site())
    for one, title in zip(ids, ("Slip", "cursed", "Trip"), strict=True):
        world.procore.hand_edit("incident", int(one), title=title)
    report = world.sync()
    assert (report.outcome, report.exit_code) == ("partial", 1)
    assert report.written["fourhse"]["updated"] == 2
    assert sorted(row["name"] for row in world.office().values()) == ["Fall 1", "Slip", "Trip"]
    [entry] = world.inbox()
    assert entry.item.kind == "refused"
    assert "simulated: error_before" in entry.item.reason
    assert "simulated" not in str(report.json())
    assert report.population["fourhse"] == {"in_sync": 2, "waiting": 0, "refused": 1, "excluded": 0}

    again = world.sync()
    assert (again.outcome, again.exit_code, again.written) == ("ok", 0, NOTHING)
    assert again.inbox["refused"] == 1
    assert again.population["procore"]["refused"] == 1


def test_it_is_tried_again_later_by_itself(world):
    refuse(world, "PUT", "/incident/update")
    world.procore.hand_edit("incident", int(min(world.site())), title="cursed")
    world.sync()
    world.faults.clear()
    assert world.sync().written == NOTHING, "its time has not come"
    world.clock.advance(minutes=20)
    report = world.sync()
    assert (report.outcome, report.written["fourhse"]["updated"]) == ("ok", 1)
    assert report.population["procore"] == {"in_sync": 3, "waiting": 0, "refused": 0, "excluded": 0}
    assert report.population["fourhse"] == {"in_sync": 3, "waiting": 0, "refused": 0, "excluded": 0}
    assert world.inbox() == []
    with world.store.read() as unit:
        assert unit.journal(world.route.key).refusals() == {}, "what went through in the end is parked no more"


def test_it_waits_longer_after_each_refusal(world):
    refuse(world, "PUT", "/incident/update")
    world.procore.hand_edit("incident", int(min(world.site())), title="cursed")
    tries = []
    for _ in range(10):
        before = world.faults.fired[FaultKind.ERROR_BEFORE]
        world.sync()
        world.clock.advance(minutes=10)
        tries.append(world.faults.fired[FaultKind.ERROR_BEFORE] > before)
    gaps = [number for number, tried in enumerate(tries) if tried]
    pauses = [after - before for before, after in pairwise(gaps)]
    assert pauses[0] < pauses[1] < pauses[2]
    assert world.inbox()[0].since < world.clock() - timedelta(hours=2), "it is one item all the time"


def test_it_is_tried_at_once_when_a_side_changes(world):
    refuse(world, "PUT", "/incident/update")
    one = int(min(world.site()))
    world.procore.hand_edit("incident", one, title="cursed")
    world.sync()
    world.procore.hand_edit("incident", one, title="mended")
    assert world.sync().written["fourhse"]["updated"] == 1
    assert world.inbox() == []


def test_and_when_a_person_says_so(world):
    refuse(world, "PUT", "/incident/update", times=1)
    world.procore.hand_edit("incident", int(min(world.site())), title="cursed")
    world.sync()
    world.answer(world.inbox()[0].id, "retry")
    assert world.sync().written["fourhse"]["updated"] == 1
    assert world.inbox() == []


def test_a_retry_that_fails_is_asked_anew(world):
    refuse(world, "PUT", "/incident/update")
    world.procore.hand_edit("incident", int(min(world.site())), title="cursed")
    world.sync()
    world.answer(world.inbox()[0].id, "retry")
    assert world.sync().exit_code == 1
    assert [entry.item.kind for entry in world.inbox()] == ["refused"]
    fired = world.faults.fired[FaultKind.ERROR_BEFORE]
    assert world.sync().exit_code == 0
    assert world.faults.fired[FaultKind.ERROR_BEFORE] == fired, "one word of a person is one try"


def test_one_field_does_not_spoil_the_others(world):
    refuse(world, "PUT", "/incident/update")
    one = int(min(world.site()))
    world.procore.hand_edit("incident", one, title="cursed", description="He was not tied on.", status="closed")
    report = world.sync()
    assert (report.exit_code, report.written) == (1, NOTHING), "what is refused in part does not count as written"
    [row] = [row for row in world.office().values() if row["status"] == "closed"]
    assert (row["name"], row["description_event"]) == ("Fall 0", "He was not tied on.")
    assert [entry.item.field for entry in world.inbox()] == ["title"]
    quiet = world.sync()
    assert (quiet.exit_code, quiet.written) == (0, NOTHING)


def test_a_refused_create_holds_that_record_alone(world):
    refuse(world, "POST", "/incidents$")
    world.in_office("cursed", description_event="It is cursed indeed.")
    world.in_office("A plain slip")
    report = world.sync()
    assert (report.exit_code, report.written["procore"]["created"]) == (1, 1)
    assert report.population["fourhse"]["refused"] == 1
    quiet = world.sync()
    assert (quiet.exit_code, quiet.written, len(world.site())) == (0, NOTHING, 4)
    world.faults.clear()
    world.clock.advance(minutes=20)
    report = world.sync()
    assert (report.written["procore"]["created"], len(world.site()), world.inbox()) == (1, 5, [])
    assert report.population["fourhse"] == {"in_sync": 5, "waiting": 0, "refused": 0, "excluded": 0}


def test_a_refused_person_takes_nothing_from_the_count_of_its_incident(world):
    """The incident's write had no answer last time, and so comes after the person's."""
    one = min(world.site())
    party, _ = hire(world)
    injury = hurt_on_site(world, one, party, days=3)
    world.sync()
    refuse(world, "PUT", "/incident-person/update", word="days")
    world.faults.add(FaultKind.ERROR_BEFORE, method="PUT", path="/incident/update", times=1, status=503)
    world.procore.hand_edit("incident", int(one), title="Slip")
    world.procore.hand_edit("injury", injury, work_days_absent=4)
    assert world.sync().written == NOTHING
    world.procore.hand_edit("injury", injury, work_days_absent=5)
    report = world.sync()
    assert [entry.item.kind for entry in world.inbox()] == ["refused"]
    assert (report.outcome, report.written["fourhse"]["updated"]) == ("partial", 1)
    assert report.population["fourhse"] == {"in_sync": 2, "waiting": 0, "refused": 1, "excluded": 0}


def test_403_on_one_write_is_a_refusal_of_that_record(world):
    world.faults.add(FaultKind.FORBIDDEN, method="PUT", path="/incident/update", times=None)
    world.procore.hand_edit("incident", int(min(world.site())), title="Slip")
    report = world.sync()
    assert (report.exit_code, [entry.item.kind for entry in world.inbox()]) == (1, ["refused"])


def test_a_put_that_replaces_the_record_never_takes_what_we_may_not_send(build):
    world = build(fourhse_dials=FourHseDials(put_is="full"))
    ids = [int(world.on_site(f"Fall {number}")) for number in range(2)]
    world.sync()
    named, plain = (link.fourhse_id for link in world.links())
    world.fourhse.hand_edit("incident", named, manager='["lee"]')
    for one in ids:
        world.procore.hand_edit("incident", one, status="closed")
    report = world.sync()
    assert (report.exit_code, report.written["fourhse"]["updated"]) == (1, 1)
    assert world.office()[plain]["status"] == "closed"
    assert (world.office()[named]["manager"], world.office()[named]["status"]) == ('["lee"]', "new")
    [entry] = world.inbox()
    assert (entry.item.kind, entry.item.fourhse_id) == ("refused", named)
    assert "manager" in entry.item.reason
    assert (world.sync().exit_code, world.fourhse.mails) == (0, 0)


def test_a_lost_credential_fails_the_route(world):
    world.faults.add(FaultKind.UNAUTHORIZED, path="/rest/", times=None)
    report = world.sync()
    assert (report.outcome, report.exit_code) == ("failed", 3)
