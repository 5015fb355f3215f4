"""Our own writes, looked at again: one that vanishes by itself, and many that vanish at once."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from procore_4hse.models import Act, Action, Kind, Side
from procore_4hse.reconcile.echo import (
    WriteState,
    Written,
    lost_writes,
    older_versions,
    restored_backup,
    retold,
    reverted,
)
from procore_4hse.reconcile.snapshot import Presence
from routes import MAPPING, link, office, site

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
UPDATE = Action(
    Act.UPDATE, Side.FOURHSE, Kind.INCIDENT, "a", "1", "because",
    fields={"name": "Slip"},
    sources={"title": {"title": "Slip"}},
    seen={"name": "Fall", "description_event": "A worker fell."},
)  # fmt: skip
STOOD, GONE = WriteState.STANDS, WriteState.GONE
OLDER = replace(site(title="Old"), is_older=True)


def wrote(hours: float, record: str, state: WriteState = GONE, field: str | None = "title", **changes) -> Written:
    """A change so many hours ago."""
    at = NOW - timedelta(hours=hours)
    return Written(**{"at": at, "side": Side.FOURHSE, "link": record, "field": field, "state": state, **changes})


# One that vanishes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("writes", "found"),
    [
        ([wrote(1, "1"), wrote(24, "1")], {("1", "title")}),
        ([wrote(1, "1"), wrote(24.001, "1")], set()),
        ([wrote(1, "1")], set()),
        ([wrote(1, "1"), wrote(2, "1", STOOD)], set()),
        ([wrote(1, "1"), wrote(2, "2")], set()),
        ([wrote(1, "1"), wrote(2, "1", field="status")], set()),
        ([wrote(1, "1", field=None), wrote(2, "1", field=None)], set()),
        ([wrote(1, "1"), wrote(2, "1", ours=False)], set()),
        ([wrote(1, "1"), wrote(2, "1"), wrote(3, "1"), wrote(1, "2"), wrote(2, "2")], {("1", "title"), ("2", "title")}),
    ],
)
def test_a_field_that_went_back_twice_within_a_day_has_vanished(writes, found):
    assert lost_writes(writes, NOW) == found


# Many at once ----------------------------------------------------------------------------------------------------

THREE = [wrote(1, "1"), wrote(2, "2"), wrote(3, "3")]


@pytest.mark.parametrize(
    ("writes", "found"),
    [
        (THREE, {"1", "2", "3"}),
        (THREE[:2], set()),
        ([*THREE, wrote(9, "9", STOOD)], {"1", "2", "3"}),
        ([*THREE, wrote(0.5, "9", STOOD)], set()),
        ([*THREE[:2], wrote(2.5, "9", STOOD), THREE[2]], set()),
        ([*THREE, wrote(9, "1", STOOD), wrote(10, "4")], {"1", "2", "3", "4"}),
        ([wrote(1, "1"), wrote(1, "1", field="status"), wrote(2, "2")], set()),
        ([wrote(1, "1", field=None), *THREE[1:]], {"1", "2", "3"}),
        ([replace(write, side=Side.PROCORE) for write in THREE], set()),
        ([*THREE, wrote(0.5, "9", STOOD, side=Side.PROCORE)], {"1", "2", "3"}),
    ],
)
def test_a_side_has_regressed_when_every_change_after_a_moment_is_gone_on_three_links(writes, found):
    assert restored_backup(writes, Side.FOURHSE) == found
    assert restored_backup(reversed(writes), Side.FOURHSE) == found


def test_what_is_undone_is_the_latest_change_of_each_field_that_is_gone():
    writes = [
        wrote(5, "1"), wrote(1, "1", STOOD), wrote(5, "2", STOOD), wrote(1, "2"), wrote(1, "2", STOOD, "status"),
        wrote(1, "3", field=None), wrote(1, "4", side=Side.PROCORE),
    ]  # fmt: skip
    assert reverted(writes, Side.FOURHSE) == {("2", "title"), ("3", None)}
    assert reverted(writes, Side.PROCORE) == {("4", "title")}


# A write, told on both sides -------------------------------------------------------------------------------------


def told(ours, theirs, action: Action = UPDATE, known=None) -> list[tuple[Side, str | None, WriteState, bool]]:
    known = known or link(site(title="Slip"), office(name="Slip"))
    found = list(retold(action, NOW, known, MAPPING.fields, {Side.PROCORE: ours, Side.FOURHSE: theirs}))
    assert {(write.at, write.link) for write in found} <= {(NOW, "1")}
    return [(write.side, write.field, write.state, write.ours) for write in found]


@pytest.mark.parametrize(
    ("procore", "fourhse", "fates"),
    [
        ("Slip", "Slip", (STOOD, STOOD)),
        ("Slip", "Fall", (STOOD, GONE)),
        ("Fall", "Slip", (GONE, STOOD)),
        ("Fall", "Fall", (GONE, GONE)),
        ("Trip", "Skid", (STOOD, STOOD)),
    ],
)
def test_gone_is_what_shows_again_what_was_before(procore, fourhse, fates):
    """An edit that a person made since is another value; it stands."""
    found = told(site(title=procore), office(name=fourhse))
    assert found == [(Side.PROCORE, "title", fates[0], False), (Side.FOURHSE, "title", fates[1], True)]


def test_the_same_the_other_way():
    action = Action(
        Act.UPDATE, Side.PROCORE, Kind.INCIDENT, "1", "a", "because", {"title": "Slip"},
        {"title": {"name": "Slip", "description_event": "A worker fell."}}, {"title": "Fall"},
    )  # fmt: skip
    found = told(site(title="Fall"), office(name="Fall"), action)
    assert found == [(Side.PROCORE, "title", GONE, True), (Side.FOURHSE, "title", GONE, False)]


def test_what_both_have_agreed_on_since_stands():
    assert told(site(), office(), known=link()) == [
        (Side.PROCORE, "title", STOOD, False),
        (Side.FOURHSE, "title", STOOD, True),
    ]
    bare = replace(link(), base={})
    assert [state for _, _, state, _ in told(site(), office(), known=bare)] == [GONE, GONE]


def test_a_value_that_cannot_be_told_stands():
    category = replace(UPDATE, sources={"category": {"@injured": True}}, seen={"category": "NON_COMPLIANCE"})
    known = link(site(**{"@injured": True}), office(category="ACCIDENTS"))
    held, back = site(**{"@injured": None}), office(category="NON_COMPLIANCE")
    assert [state for _, _, state, _ in told(held, back, category, known)] == [STOOD, GONE]
    for blind in ({"sources": {"category": {"@injured": None}}}, {"seen": {"category": "Fire"}}):
        found = told(site(), back, replace(category, **blind), known)
        assert {state for _, _, state, _ in found} == {STOOD}


def test_a_value_that_agrees_with_what_was_sent_has_not_gone():
    """No injury agrees with every word, so a category that is as it was before tells nothing."""
    category = replace(UPDATE, sources={"category": {"@injured": False}}, seen={"category": "NON_COMPLIANCE"})
    known = link(site(**{"@injured": True}), office(category="ACCIDENTS"))
    assert [state for _, _, state, _ in told(site(), office(), category, known)] == [STOOD, STOOD]


@pytest.mark.parametrize("presence", [Presence.ABSENT, Presence.GONE])
def test_a_record_that_is_not_there_tells_nothing_about_its_fields(presence):
    assert told(site(presence=presence), None) == []
    assert len(told(site(presence=Presence.UNSEEN), None)) == 1


CREATE = replace(UPDATE, act=Act.CREATE, target_id=None)


@pytest.mark.parametrize(
    ("presence", "procore", "fourhse"),
    [
        (Presence.PRESENT, [STOOD], [STOOD]),
        (Presence.UNSEEN, [STOOD], [STOOD]),
        (Presence.ABSENT, [], []),
        (Presence.GONE, [], [GONE]),
    ],
)
def test_a_new_record_is_gone_when_4hse_shows_nothing_of_it_and_procore_has_a_bin(presence, procore, fourhse):
    both = told(site(presence=presence), office(presence=presence), CREATE)
    assert [(side, field, state) for side, field, state, _ in both] == [
        *((Side.PROCORE, None, state) for state in procore),
        *((Side.FOURHSE, None, state) for state in fourhse),
    ]


@pytest.mark.parametrize("act", [Act.DELETE, Act.RESTORE, Act.LINK])
def test_other_steps_are_not_looked_at(act):
    assert told(site(), office(), replace(UPDATE, act=act)) == []


# Change dates that go back ---------------------------------------------------------------------------------------


def shown(record, pair=None):
    return older_versions(
        [pair or link()], lambda kind: MAPPING.fields, lambda one, side: record if side is Side.PROCORE else None
    )


def test_an_earlier_state_of_a_record_is_known_by_its_fields_that_differ():
    assert shown(OLDER) == {("1", "title")}
    assert shown(replace(OLDER, is_older=False)) == set()
    assert shown(replace(OLDER, presence=Presence.UNSEEN)) == set()
    assert shown(None) == set()
    assert shown(replace(OLDER, image={**OLDER.image, "@injured": None, "title": "Fall"})) == set()
    assert shown(OLDER, replace(link(), base={})) == set()


def test_every_link_is_looked_at():
    links = [replace(link(), id=9, procore_id="9"), link()]
    known = {"1": OLDER, "9": None}
    found = older_versions(links, lambda kind: MAPPING.fields, lambda one, side: known[one.procore_id])
    assert found == {("1", "title")}


def test_both_sides_of_a_category_are_told_by_their_own_words():
    category = replace(UPDATE, sources={"category": {"@injured": True}}, seen={"category": "NON_COMPLIANCE"})
    known = link(site(**{"@injured": True}), office(category="ACCIDENTS"))
    assert [state for _, _, state, _ in told(site(), office(), category, known)] == [GONE, GONE]


def test_one_side_is_told_without_the_other_and_whose_write_it_was():
    assert told(None, office(name="Fall")) == [(Side.FOURHSE, "title", GONE, True)]
    assert told(site(), office(), CREATE) == [(Side.PROCORE, None, STOOD, False), (Side.FOURHSE, None, STOOD, True)]


def test_the_fields_are_those_of_the_link_s_kind():
    rows = {Kind.INCIDENT: MAPPING.fields, Kind.INJURY: ()}
    assert older_versions([link()], lambda kind: rows[kind], lambda one, side: OLDER) == {("1", "title")}
    assert older_versions([link(kind=Kind.INJURY)], lambda kind: rows[kind], lambda one, side: OLDER) == set()
