"""What a person reads: each kind of question, word for word."""

from dataclasses import replace

import pytest
from core import involved

from procore_4hse.mapping.lenses.base import Held
from procore_4hse.models import Act, Action, Item, ItemKind, Kind, QuestionKey, Refusal, Side
from procore_4hse.reconcile import items
from procore_4hse.reconcile.approval import digest, signature
from procore_4hse.reconcile.diff import diff_field
from procore_4hse.reconcile.snapshot import Record
from routes import MAPPING, link, office, route, site

UPDATE = Action(
    Act.UPDATE, Side.FOURHSE, Kind.INCIDENT, "a", "1", "because", {"name": "Slip"}, {"title": {}, "day": {}}
)
PIECE = Record(Side.FOURHSE, "r1", {"entity_type": "EQUIPMENT"}, kind=Kind.RESOURCE)
IDS = {"procore_id": "1", "fourhse_id": "a"}


def test_a_headline_is_the_title_as_its_side_shows_it():
    assert items.title_of(MAPPING, site()) == "Fall"
    assert items.title_of(MAPPING, office(name="Slip")) == "Slip"
    assert items.title_of(MAPPING, site(title=None)) == ""
    assert items.title_of(MAPPING, None) == ""
    assert items.title_of(MAPPING, site(title=["Fall"])) == "", "what cannot be read names nothing"
    assert items.title_of(MAPPING, replace(site(), minimal=True)) == "", "privacy keeps it home"


def test_a_link_is_known_by_whichever_side_still_shows_a_title():
    def told(*records: Record) -> str:
        return items.headline(MAPPING, route(*records).incidents, link())

    assert told(site(title="Slip"), office()) == "Slip"
    assert told(office(name="Trip")) == "Trip"
    assert told(site(title="")) == ""
    children = replace(route(site(), office()).incidents, title="Of the incident")
    assert items.headline(MAPPING, children, link()) == "Of the incident"
    assert items.headline(MAPPING, replace(children, title=""), link()) == ""


def test_a_difference():
    found = diff_field(MAPPING.title, site(title="Slip").image, office(name="Trip").image, link().base["title"])
    assert items.difference(ItemKind.CONFLICT, link(), found, "Slip") == Item(
        ItemKind.CONFLICT, "difference:1:title", "Slip", "Title: both sides changed it.",
        "Choose the value that holds: procore-4hse inbox resolve ID --use procore, or --use 4hse",
        {"seen": {"procore": "Slip", "fourhse": "Trip"}}, **IDS,
        field="title", procore_value="Slip", fourhse_value="Trip", base_value="Fall",
    )  # fmt: skip


def test_a_difference_that_only_procore_can_decide():
    category = MAPPING.category
    found = diff_field(category, site(**{"@injured": True}).image, office().image, None)
    found = replace(found, base=replace(link().base["category"], procore={"@injured": None}))
    item = items.difference(ItemKind.DRIFT, link(), found, "Slip")
    assert item.advice == "Choose the value that holds: procore-4hse inbox resolve ID --use procore"
    assert (item.kind, item.procore_value, item.base_value) == (ItemKind.DRIFT, "an injury is recorded", "")
    assert items.difference(ItemKind.DRIFT, link(), replace(found, base=None), "").base_value is None


@pytest.mark.parametrize(
    ("record", "other", "ids", "side"),
    [(site(), "a", IDS, "Procore"), (office(), None, {"procore_id": None, "fourhse_id": "a"}, "4HSE")],
)
def test_an_unknown_word(record, other, ids, side):
    assert items.word(record, other, "status", "An odd word", "Fall") == Item(
        ItemKind.WORD, f"word:{record.side.value}:{record.id}:status", "Fall", "An odd word.",
        f"Correct the value in {side}; it closes by itself.", field="status", **ids,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("reason", "held", "advice", "facts"),
    [
        (
            "An odd word", Held("odd", word="Burn", file="words/affliction.yaml"),
            "If it is a typing mistake, correct it in 4HSE. If the word is right, ask the colleague who looks after "
            "this program to add 'Burn' to words/affliction.yaml, and say what it means in Procore. "
            "The question closes by itself.",
            {"word": "Burn", "file": "words/affliction.yaml"},
        ),
        (
            "An odd word", Held("odd", "Burn", "words/affliction.yaml", tuple("ABCDEFGHI")),
            "If it is a typing mistake, correct it in 4HSE. If the word is right, ask the colleague who looks after "
            "this program to add 'Burn' to words/affliction.yaml, "
            "and say what it means in Procore (A, B, C, D, E, F, G, H or another)"
            ". The question closes by itself.",
            {"word": "Burn", "file": "words/affliction.yaml"},
        ),
        ("No category", Held("none", word=""), "Correct the value in 4HSE; it closes by itself.", {}),
        ("No number", Held("odd", word="many"), "Correct the value in 4HSE; it closes by itself.",
         {"word": "many", "file": ""}),
        (
            "the list words/affliction.yaml has no 4HSE word for `Burn`", None,
            "Correct the value in 4HSE, or add the word to the list; it closes by itself.", {},
        ),
    ],
)  # fmt: skip
def test_a_word_question_says_which_word_and_where_to_add_it(reason, held, advice, facts):
    item = items.word(office(), "1", "affliction", reason, "Fall", held)
    assert (item.advice, item.facts) == (advice, facts)


def test_a_refused_call_carries_the_vendor_s_own_words():
    said = "name: it is too long; Rain: name it"
    refusal = Refusal("refused:key", Side.FOURHSE, said, "", None)
    assert items.refused(MAPPING, refusal, UPDATE, "Slip") == Item(
        ItemKind.REFUSED, "refused:key", "Slip",
        "4HSE did not take the change. It says: Title: it is too long; Rain: name it",
        "Change the record on either side, or try again now: procore-4hse inbox retry ID",
        {"refusal": digest("", said)}, **IDS, field="day, title",
    )  # fmt: skip
    delete = replace(UPDATE, act=Act.DELETE, side=Side.PROCORE, target_id="1", source_id="a", sources={})
    item = items.refused(MAPPING, refusal, delete, "Slip")
    assert (item.field, item.procore_id, item.fourhse_id) == (None, "1", "a")
    assert item.reason == "Procore did not delete it. It says: name: it is too long; Rain: name it"


@pytest.mark.parametrize(
    ("kind", "fields", "what"),
    [
        (Kind.INCIDENT, {"custom_field_7": "Rain"}, "this field; compare its number in incident.yaml"),
        (Kind.INJURY, {"custom_field_7": 1, "custom_field_8": 2}, "these fields; compare their numbers in people.yaml"),
    ],
)
def test_a_custom_field_that_is_refused_alone_may_be_none_of_procore_s(kind, fields, what):
    refusal = Refusal("refused:key", Side.PROCORE, "not taken", "", None)
    action = replace(UPDATE, side=Side.PROCORE, kind=kind, target_id="1", source_id="a", fields=fields)
    advice = f"Procore may not know {what} with your Procore administrator's, then try again now: "
    assert items.refused(MAPPING, refusal, action, "").advice == f"{advice}procore-4hse inbox retry ID"
    for other in ({**fields, "title": "Slip"}, {}):
        assert items.refused(MAPPING, refusal, replace(action, fields=other), "").advice.startswith("Change the record")


def test_a_doubt_names_the_candidates():
    assert items.doubt(site(), (("a", "Fall"), ("b", "Trip")), "Alike.", "Fall", {"procore:incident:1": "x"}) == Item(
        ItemKind.MATCH, "match:procore:1", "Fall", "Alike.",
        "4HSE a Fall; 4HSE b Trip. If the same: procore-4hse inbox approve ID --with RECORD_ID; "
        "different, create both: procore-4hse inbox reject ID",
        {"candidates": ["a", "b"], "records": {"procore:incident:1": "x"}}, procore_id="1",
    )  # fmt: skip
    assert items.doubt(office(), (), "A twin.", "Fall", {}) == Item(
        ItemKind.MATCH, "match:fourhse:a", "Fall", "A twin.",
        "If different, create both: procore-4hse inbox reject ID", {"candidates": [], "records": {}}, fourhse_id="a",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("gone", "edited", "kind", "reason"),
    [
        (Side.PROCORE, False, ItemKind.DELETION, "It was deleted in Procore: in the bin. It is still there in 4HSE."),
        (
            Side.PROCORE, True, ItemKind.CONFLICT,
            "It was deleted in Procore: in the bin. "
            "It is still there in 4HSE, and was changed there since both agreed.",
        ),
        (Side.FOURHSE, False, ItemKind.DELETION, "It was deleted in 4HSE: in the bin. It is still there in Procore."),
    ],
)  # fmt: skip
def test_a_deletion(gone, edited, kind, reason):
    alive = gone.other.label
    survivor = items.Survivor({"procore:incident:1": "x"}, edited=edited)
    assert items.deletion(link(), gone, "in the bin", "Fall", survivor) == Item(
        kind, f"deletion:1:{gone.value}", "Fall", reason,
        f"Delete it in {alive} too: procore-4hse inbox approve ID; keep it there: inbox reject ID; "
        f"bring it back in {gone.label}: inbox reject ID --restore",
        {"edited": edited, "records": {"procore:incident:1": "x"}}, **IDS,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("along", "told"),
    [
        ((), "Resources, actions and files there: not known."),
        (
            (involved(), involved("p2", days=1), PIECE),
            "With it would go 2 involved people (4 days) and 1 resource. "
            "Other resources, actions and files there: not known.",
        ),
        (
            (involved(days=None),),
            "With it would go 1 involved person. Resources, actions and files there: not known.",
        ),
        (
            (involved(days=1),),
            "With it would go 1 involved person (1 day). Resources, actions and files there: not known.",
        ),
        ((PIECE, PIECE), "With it would go 2 resources. Other resources, actions and files there: not known."),
    ],
)
def test_a_deletion_names_what_goes_with_it(along, told):
    item = items.deletion(link(), Side.PROCORE, "in the bin", "Fall", items.Survivor({}, goes_with=along))
    assert item.reason == f"It was deleted in Procore: in the bin. It is still there in 4HSE. {told}"
    assert item.facts.get("goes_with", []) == [record.id for record in along]


@pytest.mark.parametrize("side", list(Side))
def test_a_missing_one(side):
    assert items.missing(link(), side, "Fall", {"procore:incident:1": "x"}) == Item(
        ItemKind.MISSING, f"missing:1:{side.value}", "Fall",
        f"{side.label} no longer shows it, and nothing proves that it was deleted; both sides are left alone.",
        f"Look whether our account may still see it in {side.label}; it goes on by itself when it is back. "
        "If it was deleted: procore-4hse inbox approve ID",
        {"records": {"procore:incident:1": "x"}}, **IDS,
    )  # fmt: skip


def test_a_guard_lists_what_it_holds():
    told = {
        "act": "update", "side": "fourhse", "kind": "incident", "id": "a", "source_id": "1", "parent": None,
        "fields": ["day", "title"], "reason": "because",
    }  # fmt: skip
    key = QuestionKey.guard("updates", Side.FOURHSE)
    assert items.guard(key, "Too many.", "Look.", (UPDATE,), {}, creates=3) == Item(
        ItemKind.GUARD, "guard:updates:fourhse", "", "Too many.", "Look.",
        {"cause": {}, "held": [signature(UPDATE)], "actions": [told], "creates": 3},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("side", "target", "source", "title"), [(Side.FOURHSE, "a", "1", "4HSE"), (Side.PROCORE, "1", "a", "Procore")]
)
def test_a_write_that_emptied_other_fields_keeps_both_images(side, target, source, title):
    action = replace(UPDATE, side=side, target_id=target, source_id=source)
    person = items.replaced(replace(action, kind=Kind.INJURY), ["code"], {}, {})
    assert person.facts["kind"] == ("person" if side is Side.FOURHSE else "injury")
    assert items.replaced(action, ["code", "place"], {"code": "x"}, {"code": None}) == Item(
        ItemKind.GUARD, "guard:replaced", "", f"{title} emptied fields that our change did not send: code, place.",
        "Both images are kept here. To put them back, and to send whole records from now on: inbox approve ID",
        {
            "kind": "incident", "record": target, "side": side.value, "before": {"code": "x"}, "after": {"code": None},
            "sent": {"name": "Slip"},
        },
        **IDS,
    )  # fmt: skip


TEXT, DAY = MAPPING.by_key["description"], MAPPING.by_key["day"]


@pytest.mark.parametrize(
    ("field", "side", "sent", "stored", "reason"),
    [
        (TEXT, Side.FOURHSE, "A worker fell.", "A wor", "4HSE kept 5 of 14 letters; Procore has them all."),
        (TEXT, Side.PROCORE, "A worker fell.", None, "Procore kept 0 of 14 letters; 4HSE has them all."),
        (
            TEXT, Side.FOURHSE, "A & B", "A &amp; B",
            "4HSE made 9 letters of the 5 that were sent; Procore has them unchanged.",
        ),
        (TEXT, Side.FOURHSE, None, "A", "the answer does not hold what was sent as description_event, name."),
        (DAY, Side.FOURHSE, "2026-03-01", None, "the answer does not hold what was sent as date_incident."),
    ],
)  # fmt: skip
def test_a_loss_is_told_in_figures_and_never_in_words(field, side, sent, stored, reason):
    values = {side.other: sent, side: stored}
    asked = items.lost(link(), field, side, values.__getitem__, "Fall")
    assert asked.reason in (f"{field.label}: {reason}", f"`{field.label}`: {reason}")
    assert "worker" not in str((asked.reason, asked.advice, asked.facts))
    assert (asked.kind, asked.field, asked.title) == (ItemKind.REFUSED, field.key, "Fall")
    assert "inbox retry ID" in asked.advice
    assert "inbox approve ID" in asked.advice


def test_what_an_answer_about_a_loss_holds_for_changes_with_either_value():
    facts = [
        items.lost_facts(Side.FOURHSE, {Side.PROCORE: ours, Side.FOURHSE: theirs}.__getitem__)
        for ours, theirs in (("A", "B"), ("A", "C"), ("D", "B"))
    ]
    assert len({one["shown"] for one in facts}) == 3


def test_what_a_question_shows_keeps_its_digest_from_version_to_version():
    """Another one would ask again, in every store that is upgraded, what people answered or put off."""
    found = diff_field(MAPPING.title, site(title="Slip").image, office(name="Trip").image, link().base["title"])
    held = Held("odd", word="Burn", file="words/affliction.yaml")
    shown = [
        items.word(office(), "1", "affliction", "Odd", "Fall", held),
        items.guard(QuestionKey.guard("updates", Side.FOURHSE), "Too many.", "Look.", (UPDATE,), {"cause": 1}),
        items.deletion(link(), Side.PROCORE, "x", "Fall", items.Survivor({"procore:incident:1": "x"})),
        items.missing(link(), Side.FOURHSE, "Fall", {"procore:incident:1": "x"}),
        items.difference(ItemKind.CONFLICT, link(), found, "Slip"),
    ]
    assert [item.shown for item in shown] == [
        "ea7dfe235378", "7cb60c8cf031", "4cede1817d59", "ca226a98a9bc", "697cb76a5710",
    ]  # fmt: skip
