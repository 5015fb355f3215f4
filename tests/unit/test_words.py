"""Named lines above a text, and the words of lists in two columns: what is put is got again, nothing else moves."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from procore_4hse.mapping.directory import Directory
from procore_4hse.mapping.lenses import text
from procore_4hse.mapping.lenses.base import Held, Known, Unwritable
from procore_4hse.mapping.lenses.incident import TextLens
from procore_4hse.mapping.lenses.lines import Lined, Spot, join_lines, split_lines
from procore_4hse.mapping.lenses.words import PartsLens, WordLens, WordList
from procore_4hse.mapping.picklists import Picklists
from procore_4hse.models import Side

quick = settings(derandomize=True, max_examples=200)

LABELS = ("Affliction", "Body parts")
BONES = WordList.of(
    "affliction",
    [("Fracture", "fracture"), ("Broken bone", "fracture"), ("Burn", "77"), ("Old word", "not shared")],
)
PARTS = WordList.of(
    "body_part",
    [
        ("Hand", "hand"),
        ("Left hand", "hand_left"),
        ("Neck", "neck"),
        ("Head", "head"),
        ("Head and neck", "head + neck"),
    ],
)
ROWS = [
    ("affliction_types", {"id": 5, "name": "Frattura", "name_key": "fracture", "active": True}),
    ("affliction_types", {"id": 77, "name": "Ustione", "name_key": "burn", "active": True}),
    ("affliction_types", {"id": 6, "name": "Retired", "name_key": "retired", "active": False}),
    *(("body_parts", {"id": 90 + n, "name": key, "selectable": True}) for n, key in enumerate(("hand", "hand_left"))),
    *(("body_parts", {"id": 95 + n, "name": key, "selectable": True}) for n, key in enumerate(("neck", "head"))),
    ("body_parts", {"id": 99, "name": "Upper Extremities", "selectable": False}),
]
LIVE = Picklists.of(Directory(), ROWS)
KIND = WordLens("affliction_type", Spot("description", "Affliction", LABELS), BONES, "affliction_types").bound(LIVE)
WHERE = PartsLens("affected_body_parts", Spot("description", "Body parts", LABELS), PARTS).bound(LIVE)
TOLD = TextLens("description", "description", labels=LABELS, html=True)

lines = st.dictionaries(st.sampled_from(LABELS), st.sampled_from(["Fracture", "x", "a: b", "Head; Neck"]))
bodies = st.one_of(
    st.none(),
    st.sampled_from(
        ["Affliction: Burn", "Body parts: Head\nAffliction: x", "affliction : y", "-", "He fell.\n\nTwice."]
    ),
    st.text(st.sampled_from("Aab:\n <>&é"), max_size=30),
).map(lambda body: text.tidied(body or ""))
present = st.sampled_from(["", "<p>old</p>", "Affliction: Burn\n\nold", "old"])


@quick
@given(lines, bodies, st.sampled_from(["", "<p>old</p>"]))
@example({}, "Affliction: Burn", "")
@example({}, "Affliction: Burn\nBody parts: Neck", "<p></p>")
def test_lines_and_body_are_read_as_they_were_written(lines, body, like):
    assert split_lines(join_lines(Lined(lines, body), LABELS, like=like), LABELS) == Lined(lines, body)


@pytest.mark.parametrize(
    ("written", "lines"),
    [
        (
            "Body parts: Neck\nAffliction: Burn\nHe fell.",
            Lined({"Body parts": "Neck", "Affliction": "Burn"}, "He fell."),
        ),
        ("AFFLICTION :  Burn  \n\n\nHe fell.", Lined({"Affliction": "Burn"}, "He fell.")),
        ("Affliction: Burn\nAffliction: Cut", Lined({"Affliction": "Burn"}, "Affliction: Cut")),
        ("He fell.\nAffliction: Burn", Lined({}, "He fell.\nAffliction: Burn")),
        ("Affliction:\nHe fell.", Lined({}, "He fell.")),
        ("<p>Affliction: Burn<br>He fell.</p>", Lined({"Affliction": "Burn"}, "He fell.")),
        ("Cause: ice", Lined({}, "Cause: ice")),
        (None, Lined({}, None)),
    ],
)
def test_lines_are_read_as_people_write_them(written, lines):
    assert split_lines(written, LABELS) == lines


def test_a_line_is_written_without_touching_the_others():
    before = {"description": "Body parts: Neck\n\nHe fell."}
    after = KIND.put(Side.FOURHSE, "fracture", before, {})
    assert after == {"description": "Affliction: Fracture\nBody parts: Neck\n\nHe fell."}
    assert KIND.put(Side.FOURHSE, None, after, {}) == before


@quick
@given(st.sampled_from([None, "fracture", "77"]), present)
def test_a_word_put_is_got_again(word, here):
    for side in Side:
        current = {"description": here} if side is Side.FOURHSE else {}
        image = {**current, **KIND.put(side, word, current, {})}
        if side is Side.PROCORE:
            image = {
                "affliction_type": image["affliction_type_id"] and {"id": image["affliction_type_id"], "name": "?"}
            }
        assert KIND.get(side, image) == Known(word)


@quick
@given(st.sets(st.sampled_from(["hand", "hand_left", "neck", "head"])), present)
def test_body_parts_put_are_got_again(keys, here):
    wanted = tuple(sorted(keys)) or None
    assert WHERE.get(Side.FOURHSE, WHERE.put(Side.FOURHSE, wanted, {"description": here}, {})) == Known(wanted)
    sent = WHERE.put(Side.PROCORE, wanted, {"affliction_type": {"id": 5}}, {})["body_part_ids"]
    names = {row["id"]: row["name"] for _, row in ROWS}
    assert WHERE.get(Side.PROCORE, {"affected_body_parts": [names[part_id] for part_id in sent]}) == Known(wanted)


@pytest.mark.parametrize(
    ("raw", "word"),
    [
        ({"id": 5, "name": "Frattura"}, "fracture"),
        ({"id": 77, "name": "Ustione"}, "77"),
        ({"id": 8, "name": "FRACTURE"}, "fracture"),
        (None, None),
    ],
    ids=["by name key", "by id", "by name", "none"],
)
def test_an_affliction_is_known_by_key_id_or_name(raw, word):
    assert KIND.get(Side.PROCORE, {"affliction_type": raw}) == Known(word)


def test_words_that_no_list_knows_are_held_never_guessed():
    held = "which the list words/affliction.yaml does not know"
    assert KIND.get(Side.PROCORE, {"affliction_type": {"id": 6, "name": "Graffio"}}) == Held(
        f"Procore shows 'Graffio', {held}", word="Graffio"
    )
    assert KIND.get(Side.FOURHSE, {"description": "Affliction: Fractured"}) == Held(
        f"4HSE shows 'Fractured', {held}", word="Fractured"
    )
    assert WHERE.get(Side.FOURHSE, {"description": "Body parts: Neck; Wing"}).word == "Wing"
    assert WHERE.get(Side.PROCORE, {"affected_body_parts": ["neck", "wing"]}).word == "wing"


@pytest.mark.parametrize("written", ["Affliction: Broken  BONE", "Affliction: broken bone\n\nHe fell."])
def test_a_synonym_that_stands_there_is_left_as_it_is(written):
    assert KIND.get(Side.FOURHSE, {"description": written}) == Known("fracture")
    assert "broken" in KIND.put(Side.FOURHSE, "fracture", {"description": written}, {})["description"].casefold()


def test_a_word_that_is_not_shared_stays_and_means_nothing_here():
    assert KIND.get(Side.FOURHSE, {"description": "Affliction: Old word"}) == Known(None)


def test_body_parts_keep_the_words_that_are_still_right():
    before = {"description": "Body parts: Head and neck; Hand"}
    assert WHERE.get(Side.FOURHSE, before) == Known(("hand", "head", "neck"))
    after = WHERE.put(Side.FOURHSE, ("hand_left", "head", "neck"), before, {})
    assert after == {"description": "Body parts: Head and neck; Left hand"}


@pytest.mark.parametrize(
    ("current", "fits"),
    [
        ({}, False),
        ({"affliction_type": None}, False),
        ({"affliction_type": {"id": 5}}, True),
        ({"affliction_type": {"id": 5}, "affliction_type_id": None}, False),
        ({"affliction_type": None, "affliction_type_id": 5}, True),
    ],
)
def test_procore_takes_body_parts_only_with_an_affliction_type(current, fits):
    if fits:
        assert WHERE.put(Side.PROCORE, ("neck",), current, {}) == {"body_part_ids": [95]}
    else:
        with pytest.raises(Unwritable, match="only together with an affliction type"):
            WHERE.put(Side.PROCORE, ("neck",), current, {})
    assert WHERE.put(Side.PROCORE, None, current, {}) == {"body_part_ids": []}


@pytest.mark.parametrize(
    ("lens", "value"),
    [(KIND, "retired"), (KIND.bound(Picklists()), "fracture"), (WHERE, ("Upper Extremities",)), (WHERE, ("toe",))],
)
def test_what_procore_s_own_list_lacks_cannot_be_written(lens, value):
    with pytest.raises(Unwritable, match="Procore's list of"):
        lens.put(Side.PROCORE, value, {"affliction_type": {"id": 5}}, {})


@pytest.mark.parametrize(("lens", "value"), [(KIND, "cut"), (WHERE, ("toe",))])
def test_what_has_no_word_in_the_list_cannot_be_written_to_4hse(lens, value):
    with pytest.raises(Unwritable, match="has no 4HSE word for"):
        lens.put(Side.FOURHSE, value, {}, {})


@quick
@given(bodies, present)
def test_what_is_told_of_a_person_crosses_below_the_lines(body, here):
    before = {"description": here}
    after = TOLD.put(Side.FOURHSE, body, before, {})
    assert TOLD.get(Side.FOURHSE, after) == Known(body)
    assert KIND.get(Side.FOURHSE, after) == KIND.get(Side.FOURHSE, before)
    assert TOLD.get(Side.PROCORE, TOLD.put(Side.PROCORE, body, {}, {})) == Known(body)


def test_procore_s_description_of_a_person_is_html_even_without_an_enclosing_element():
    assert TOLD.get(Side.PROCORE, {"description": "He <b>fell</b> &amp; rose"}) == Known("He fell & rose")
    assert TOLD.put(Side.PROCORE, "a < b\nc", {}, {}) == {"description": "<p>a &lt; b<br>c</p>"}


def test_the_words_of_a_person_are_known_by_which_keys_they_write():
    assert KIND.names(Side.PROCORE) == ("affliction_type_id",)
    assert WHERE.names(Side.PROCORE) == ("body_part_ids",)
    assert KIND.names(Side.FOURHSE) == WHERE.names(Side.FOURHSE) == ("description",)
