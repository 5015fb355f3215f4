"""A plan told spot by spot: which field of which record, on which side, from what to what."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from core import child, crowd, injury, involved

from procore_4hse.mapping.directory import Directory
from procore_4hse.mapping.picklists import Picklists
from procore_4hse.models import Kind, Side
from procore_4hse.operations.plan_effects import Effect, EffectKey, What, effects
from procore_4hse.reconcile.plan import plan
from procore_4hse.reconcile.snapshot import Presence, Snapshot
from routes import MAPPING, link, office, route, site

FALL = ("1", "a", Kind.INCIDENT)


def effects_in(snapshot: Snapshot) -> dict[EffectKey, Effect]:
    return effects(plan(snapshot), snapshot)


def by_place(snapshot: Snapshot) -> dict[tuple[Side, str], tuple[What, Any, Any]]:
    """What happens by side and field, of one incident with its people."""
    return {
        (spot.side, spot.field): (effect.what, effect.was, effect.becomes)
        for spot, effect in effects_in(snapshot).items()
    }


def other_words(meanings: dict[str, str]) -> Any:
    row = MAPPING.category
    assert row is not None
    lens: Any = row.lens
    words = tuple((word, meanings.get(word, meaning)) for word, meaning in lens.words)
    changed = replace(row, lens=replace(lens, words=words))
    return replace(MAPPING, fields=tuple(changed if field is row else field for field in MAPPING.fields))


def test_a_quiet_pair_has_no_effects() -> None:
    assert effects_in(route(site(), office(), links=(link(),))) == {}


def test_a_changed_field_is_told_from_what_to_what() -> None:
    snapshot = route(site(title="Slip"), office(), links=(link(),))
    assert effects_in(snapshot) == {
        EffectKey("1", "a", Kind.INCIDENT, "a", Side.FOURHSE, "title"): Effect(
            What.UPDATE, {"name": "Fall"}, {"name": "Slip"}
        )
    }


def test_every_field_of_a_new_record_is_told() -> None:
    planned = by_place(route(site()))
    assert planned[Side.FOURHSE, "title"] == (What.CREATE, {}, {"name": "Fall"})
    assert planned[Side.FOURHSE, "day"] == (What.CREATE, {}, {"date_incident": "2026-02-10"})
    assert {side for side, _ in planned} == {Side.FOURHSE}
    assert {(spot.procore_id, spot.fourhse_id, spot.record_id) for spot in effects_in(route(site()))} == {
        ("1", None, "1")
    }


def test_the_choice_of_a_drifted_field_is_told_for_each_side_it_may_go_to() -> None:
    ours, theirs = site(description="One."), office(description_event="Other.")
    snapshot = route(ours, theirs, links=(link(ours, theirs),))
    assert by_place(snapshot) == {
        (Side.PROCORE, "description"): (What.DIFFER, {"description": "One."}, {"description": "Other."}),
        (Side.FOURHSE, "description"): (What.DIFFER, {"description_event": "Other."}, {"description_event": "One."}),
    }


def test_a_conflict_is_told_as_one() -> None:
    snapshot = route(site(title="One"), office(name="Other"), links=(link(),))
    assert {what for what, _, _ in by_place(snapshot).values()} == {What.CONFLICT}


def test_a_category_is_never_written_to_procore() -> None:
    ours, theirs = site(**{"@injured": True}), office(category="NON_COMPLIANCE")
    planned = by_place(route(ours, theirs, links=(link(ours, theirs),)))
    assert planned == {
        (Side.FOURHSE, "category"): (What.DIFFER, {"category": "NON_COMPLIANCE"}, {"category": "ACCIDENTS"})
    }


def test_an_unknown_word_holds_where_it_stands() -> None:
    snapshot = route(site(), office(category="FIRE"), links=(link(),))
    ((spot, effect),) = effects_in(snapshot).items()
    assert (spot.procore_id, spot.fourhse_id, spot.kind) == FALL
    assert (spot.side, spot.field, effect.what) == (Side.FOURHSE, "category", What.HOLD)
    assert "FIRE" in effect.reason


def test_who_stays_out_is_told_with_the_reason() -> None:
    snapshot = route(site(), office(), links=(link(),), mapping=other_words({"NON_COMPLIANCE": "not shared"}))
    ((spot, effect),) = effects_in(snapshot).items()
    assert (spot.side, spot.field, effect.what, effect.reason) == (
        Side.FOURHSE,
        "",
        What.EXCLUDE,
        "its category is not shared",
    )


def test_what_happened_before_since_stays_out_unless_it_is_linked() -> None:
    ours, theirs = site(event_date="2025-01-10T11:00:00Z"), office(date_incident="2025-01-10")
    assert {effect.what for effect in effects_in(route(ours)).values()} == {What.EXCLUDE}
    assert effects_in(route(ours, theirs, links=(link(ours, theirs),))) == {}


def test_a_deletion_is_a_question_about_the_whole_record() -> None:
    snapshot = route(site(presence=Presence.GONE), office(), links=(link(),))
    ((spot, effect),) = effects_in(snapshot).items()
    assert (spot.procore_id, spot.fourhse_id, spot.field, effect.what) == ("1", "a", "", What.ASK)


def test_reasons_do_not_tell_effects_apart() -> None:
    assert Effect(What.HOLD, reason="one") == Effect(What.HOLD, reason="other")
    assert Effect(What.HOLD) != Effect(What.ASK)


# People ----------------------------------------------------------------------------------------------------------


def test_an_update_of_a_person_is_told_below_its_incident() -> None:
    snapshot = crowd(injury(work_days_absent=9), involved(), links=(child(),))
    ((spot, effect),) = effects_in(snapshot).items()
    assert spot == EffectKey("1", "a", Kind.INJURY, "p1", Side.FOURHSE, "days")
    assert effect == Effect(What.UPDATE, {"days": 3}, {"days": 9})


def test_another_person_is_told_by_the_ids_that_are_written() -> None:
    snapshot = crowd(injury(), involved(person_office_id="o8"), links=(child(),))
    ((spot, effect),) = effects_in(snapshot).items()
    assert (spot.side, spot.record_id, spot.field) == (Side.PROCORE, "i1", "person")
    assert effect == Effect(What.UPDATE, {"affected_party_id": 7}, {"affected_party_id": 8})


def test_a_new_person_is_told_below_its_incident() -> None:
    created = {spot: effect for spot, effect in effects_in(crowd(injury())).items() if effect.what is What.CREATE}
    assert {(spot.procore_id, spot.fourhse_id, spot.record_id, spot.field) for spot in created} == {
        ("1", "a", "i1", "person"),
        ("1", "a", "i1", "days"),
    }


@pytest.mark.parametrize(
    ("record", "side", "record_id"), [(injury(), Side.PROCORE, "i1"), (involved(), Side.FOURHSE, "p1")]
)
def test_a_person_without_a_partner_is_a_question_below_the_incident(record: Any, side: Side, record_id: str) -> None:
    snapshot = crowd(record, of_people={"picklists": Picklists(Directory())})
    ((spot, effect),) = effects_in(snapshot).items()
    assert (spot.procore_id, spot.fourhse_id, spot.record_id, spot.side) == ("1", "a", record_id, side)
    assert effect.what is What.ASK


def test_two_people_whom_the_lists_part_are_a_question_below_the_incident() -> None:
    parted = Picklists(Directory({"7": "o8"}, {"o8": "7"}))
    ((spot, effect),) = effects_in(
        crowd(injury(), involved(), links=(child(),), of_people={"picklists": parted})
    ).items()
    assert (spot.procore_id, spot.fourhse_id, spot.record_id, spot.side) == ("1", "a", "i1", Side.PROCORE)
    assert effect.what is What.ASK


def test_a_drifted_person_is_told_for_both_sides() -> None:
    ours, theirs = injury(work_days_absent=3), involved(days=5)
    planned = by_place(crowd(ours, theirs, links=(child(ours, theirs),)))
    assert planned == {
        (Side.PROCORE, "days"): (What.DIFFER, {"work_days_absent": 3}, {"work_days_absent": 5}),
        (Side.FOURHSE, "days"): (What.DIFFER, {"days": 5}, {"days": 3}),
    }
