"""After each cycle both registers say the same, compared by a judge that knows nothing of the engine."""

import pytest

from edits import Editors, seed, settle_doubts
from judge import after_edits, is_quiet, judged, twins
from oracle import shapes


@pytest.mark.any_store
def test_a_hundred_and_fifty_real_incidents_a_side_meet_and_stay_the_same(build):
    """Slow, for 290 incidents go through eight cycles and every edit is judged: the one large world of this folder."""
    world = build()
    seed(world, 150, shared=10)
    report = world.sync(first=True)
    assert report.exit_code == 0, report.reason
    doubts = settle_doubts(world)
    assert doubts > 5, "the real register holds accidents that look alike"
    assert world.sync().outcome == "ok"
    assert len(world.links()) == 290
    assert judged(world) == []
    assert twins(world) == []
    for name in ("long title", "line break", "quote", "closed", "known time", "unknown time", "injured"):
        assert shapes(list(world.site().values()))[name] > 0, name

    editors = Editors(world)
    for _ in range(3):
        after_edits(world, editors)
    assert len(editors.counts()) == 8, "every kind of edit on both sides"
    assert min(editors.counts().values()) > 10
    for name in ("markup", "angle", "not ASCII"):
        assert shapes(list(world.site().values()))[name] > 0, name
    assert is_quiet(world, world.sync(full=True))
    assert (world.procore.refused, world.fourhse.refused) == ([], [])
    assert (world.procore.mails, world.fourhse.mails) == (0, 0)
    assert twins(world) == []
