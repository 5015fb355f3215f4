"""The same edits under every other answer that the vendors may give to what nobody has said about them."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import pytest

from edits import Editors, seed, settle_doubts
from judge import after_edits, is_quiet, judged, twins
from procore_4hse.simulator.fourhse_dials import FourHseDials
from procore_4hse.simulator.procore_dials import ProcoreDials
from procore_4hse.simulator.wire import Request, Response
from world import World

pytestmark = pytest.mark.any_store


def turned(dials: Any) -> str:
    plain, now = asdict(type(dials)()), asdict(dials)
    return ",".join(f"{name}={now[name]}" for name in now if now[name] != plain[name])


def run(world: World, *, blanks_count: bool = True) -> None:
    seed(world, 6, shared=2 if blanks_count else 0)
    world.sync(first=True)
    settle_doubts(world)
    report = world.sync()
    assert (report.outcome, report.reason) == ("ok", None)
    assert judged(world, blanks_count=blanks_count) == []
    editors = Editors(world)
    for _ in range(2):
        after_edits(world, editors, blanks_count=blanks_count)
    assert is_quiet(world, world.sync(full=True))
    assert (world.procore.refused, world.fourhse.refused) == ([], [])
    assert world.inbox() == []
    assert twins(world) == []


def let_whole_records_be_sent(world: World) -> None:
    """A PUT that takes away what it does not send cannot be known before the first one: the route stops, and a person
    has the lost fields put back and whole records sent from now on."""
    made = world.on_site("Slip on ice")
    world.sync(first=True)
    theirs = world.links()[0].fourhse_id
    world.fourhse.hand_edit("incident", theirs, deponent="Lee")
    before = world.office()[theirs]
    world.procore.hand_edit("incident", int(made), status="closed")
    assert world.sync().exit_code == 7
    assert world.office()[theirs]["deponent"] is None
    assert world.sync().exit_code == 7, "it stays stopped until somebody answers"
    [entry] = world.inbox()
    assert (entry.item.kind, entry.item.facts["before"]["deponent"]) == ("guard", "Lee")
    world.answer(entry.id, "approve")
    assert world.sync().outcome == "ok"
    assert world.inbox() == []
    kept = ("name", "description_event", "category", "deponent", "date_incident")
    assert [world.office()[theirs][name] for name in kept] == [before[name] for name in kept]
    assert world.office()[theirs]["status"] == "closed"
    world.procore.hand_delete("incident", int(made))
    world.fourhse.hand_delete("incident", theirs)
    world.sync()


def in_agreement(dials: Iterable[Any]) -> list[Any]:
    """Without those that keep only a part of a text: they leave questions open, and have tests of their own."""
    return [one for one in dials if one.text_kept == "whole"]


@pytest.mark.one_case_in(7)
@pytest.mark.parametrize("dials", in_agreement(ProcoreDials().alternatives()), ids=turned)
def test_whatever_procore_answers(build, dials):
    world = build(procore_dials=dials)
    # A paragraph of HTML shows the lines of a plain text as one line: Procore would have rewritten the blanks.
    run(world, blanks_count=not dials.html_wraps_description)


@pytest.mark.one_case_in(7)
@pytest.mark.parametrize("dials", in_agreement(FourHseDials().alternatives()), ids=turned)
def test_whatever_4hse_answers(build, dials):
    world = build(fourhse_dials=dials)
    if dials.put_is == "blanking":
        let_whole_records_be_sent(world)
    run(world)


def test_what_4hse_says_when_it_takes_nothing_back_is_not_repeated(build):
    """Its words may quote the record, and the reason is printed and logged."""
    world = build(fourhse_dials=FourHseDials(put_is="blanking"))
    made = world.on_site("Slip on ice")
    world.sync(first=True)
    theirs = world.links()[0].fourhse_id
    world.fourhse.hand_edit("incident", theirs, deponent="Lee")
    world.procore.hand_edit("incident", int(made), status="closed")
    assert world.sync().outcome == "stopped"
    [entry] = world.inbox()
    world.answer(entry.id, "approve")
    handle = world.fourhse.handle

    def refuse(request: Request) -> Response:
        return Response.of(422, {"message": "Lee is no deponent"}) if request.method == "PUT" else handle(request)

    world.fourhse.handle = refuse
    world.runtime = World._house(world.store, world.clock, world.procore, world.fourhse)
    report = world.sync()
    assert (report.outcome, "would not take them back" in report.reason) == ("stopped", True)
    assert "Lee" not in str(report.json())
