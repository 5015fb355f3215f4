"""What a vendor kept only in part has not agreed: the whole text stays, and the loss is asked about until answered."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from shutil import copytree
from typing import Any

import pytest

from actors import hire, hurt_on_site
from kept_texts import ODD, ODD_KEPT
from odd_values import Spoiled, Spoiler
from procore_4hse.engine.backfill import Span, backfill
from procore_4hse.mapping.loader import load
from procore_4hse.mapping.rules import OnConflict
from procore_4hse.models import Side
from procore_4hse.operations.retention import Cutoffs, all_routes, purge_old
from procore_4hse.reconcile.redacted_base import redact_base
from procore_4hse.simulator.faults import FaultKind
from procore_4hse.simulator.fourhse_dials import FourHseDials
from procore_4hse.simulator.kept_text import KeptText
from procore_4hse.simulator.procore_dials import ProcoreDials
from world import MAPPING, World, without_office_rows

pytestmark = pytest.mark.any_store  # What a text is and becomes is the same on both.

NOTHING = {side: {"created": 0, "updated": 0, "deleted": 0} for side in ("procore", "fourhse")}
TEXT = {Side.PROCORE: "description", Side.FOURHSE: "description_event"}
TITLE = {Side.PROCORE: "title", Side.FOURHSE: "name"}
REFUSED = {"in_sync": 0, "waiting": 0, "refused": 1, "excluded": 0}
WAITING = {"in_sync": 0, "waiting": 1, "refused": 0, "excluded": 0}
IN_SYNC = {"in_sync": 1, "waiting": 0, "refused": 0, "excluded": 0}


@dataclass
class Pair:
    """One incident; `lossy` is the side that keeps only a part, `whole` the other one."""

    world: World
    lossy: Side

    @property
    def whole(self) -> Side:
        return self.lossy.other

    def make(self, **fields: str) -> None:
        named = {(TEXT if name == "text" else TITLE)[self.whole]: value for name, value in fields.items()}
        (self.world.on_site if self.whole is Side.PROCORE else self.world.in_office)(**{"title": "Fall", **named})

    def rows(self, side: Side) -> dict[str, dict]:
        return self.world.site() if side is Side.PROCORE else self.world.office()

    def text(self, side: Side) -> str:
        [row] = self.rows(side).values()
        return row[TEXT[side]] or ""

    def edit(self, side: Side, text: str, **more: object) -> None:
        [record] = self.rows(side)
        if side is Side.PROCORE:
            self.world.procore.hand_edit("incident", int(record), description=text, **more)
        else:
            self.world.fourhse.hand_edit("incident", record, description_event=text, **more)

    def sync(self):
        report = self.world.sync()
        for side in Side:
            counted, listed = report.population[side.value], len(self.rows(side))
            assert sum(counted.values()) == listed
        return report

    def items(self) -> list[tuple[str, str | None]]:
        return [(entry.item.kind.value, entry.item.field) for entry in self.world.inbox()]

    def only(self, kind: str):
        [entry] = self.world.inbox()
        assert entry.item.kind == kind
        return entry

    def answer(self, verb: str, **options: object) -> None:
        [entry] = self.world.inbox()
        self.world.answer(entry.id, verb, **options)


@pytest.fixture(params=[(side, form) for side in Side for form in ODD_KEPT], ids=lambda one: f"{one[0]} {one[1]}")
def form(request) -> tuple[Side, KeptText]:
    return request.param


def lossy(build, side: Side, form: KeptText, **route: object) -> Pair:
    ours, theirs = ProcoreDials(), FourHseDials()
    if side is Side.PROCORE:
        ours = ProcoreDials(text_kept=form)
    else:
        theirs = FourHseDials(text_kept=form)
    return Pair(build(procore_dials=ours, fourhse_dials=theirs, **route), side)


def lost_by(build, form: tuple[Side, KeptText], how: str, **route: object) -> Pair:
    """A pair of which one side was just sent the odd text, and kept a part of it."""
    pair = lossy(build, *form, **route)
    if how == "create":
        pair.make(text=ODD)
        pair.sync()
    else:
        pair.make(text="A plain text.")
        pair.sync()
        pair.edit(pair.whole, ODD)
        report = pair.sync()
        assert (report.outcome, report.exit_code) == ("partial", 1)
        assert report.population[pair.whole.value] == report.population[pair.lossy.value] == REFUSED
    assert (pair.text(pair.whole), pair.text(pair.lossy)) == (ODD, ODD_KEPT[form[1]])
    return pair


HOW = pytest.mark.parametrize("how", ["create", "update"])
ONE = pytest.mark.parametrize("form", [(Side.FOURHSE, "cut"), (Side.PROCORE, "sanitised")], ids=["4hse", "procore"])


@pytest.mark.one_case_in(7)
@HOW
def test_the_question_stays_open_and_nothing_is_written(build, form, how):
    pair = lost_by(build, form, how)
    asked = pair.only("refused")
    figures = "made" if form[1] == "escaped" else f"kept {len(ODD_KEPT[form[1]].strip())} of {len(ODD)} letters"
    assert figures in asked.item.reason
    assert "ladder" not in asked.item.reason + asked.item.advice
    for _ in range(3):
        pair.world.clock.advance(hours=30)
        report = pair.sync()
        assert (report.outcome, report.written) == ("ok", NOTHING)
        assert report.population["procore"] == report.population["fourhse"] == REFUSED
        assert [entry.id for entry in pair.world.inbox()] == [asked.id]
    assert (pair.text(pair.whole), pair.text(pair.lossy)) == (ODD, ODD_KEPT[form[1]])


@pytest.mark.one_case_in(7)
@pytest.mark.parametrize("winner", [OnConflict.ASK, OnConflict.PROCORE, OnConflict.FOURHSE])
@HOW
def test_an_edit_of_the_rest_is_a_conflict_whatever_the_rule_says(build, form, how, winner):
    pair = lost_by(build, form, how)
    mapping = pair.world.route.mapping
    rows = tuple(replace(row, on_conflict=winner) if row.key == "description" else row for row in mapping.fields)
    pair.world.with_route(mapping=replace(mapping, fields=rows, digest=winner.value))
    pair.edit(pair.lossy, "What a person wrote there")
    report = pair.sync()
    assert (report.written, report.population["procore"]) == (NOTHING, WAITING)
    shown = pair.only("conflict").item
    values = {Side.PROCORE: shown.procore_value, Side.FOURHSE: shown.fourhse_value}
    assert values == {pair.whole: ODD, pair.lossy: "What a person wrote there"}
    assert pair.sync().written == NOTHING


@pytest.mark.one_case_in(7)
@HOW
def test_choosing_the_edited_rest_makes_both_alike(build, form, how):
    pair = lost_by(build, form, how)
    pair.edit(pair.lossy, "What a person wrote there")
    pair.sync()
    pair.answer("resolve", use=pair.lossy.value)
    report = pair.sync()
    assert pair.text(pair.whole) == pair.text(pair.lossy) == "What a person wrote there"
    assert (report.population["procore"], pair.items()) == (IN_SYNC, [])
    assert pair.sync().written == NOTHING


@pytest.mark.one_case_in(7)
@HOW
def test_choosing_the_whole_text_again_leads_to_one_question(build, form, how):
    pair = lost_by(build, form, how)
    pair.edit(pair.lossy, "What a person wrote there")
    pair.sync()
    pair.answer("resolve", use=pair.whole.value)
    sent = len(pair.world.fourhse.writes) + len(pair.world.procore.writes)
    for _ in range(4):
        pair.sync()
    assert len(pair.world.fourhse.writes) + len(pair.world.procore.writes) == sent + 1
    assert pair.items() == [("refused", "description")]
    assert (pair.text(pair.whole), pair.text(pair.lossy)) == (ODD, ODD_KEPT[form[1]])


@ONE
@HOW
def test_a_person_may_leave_it_so(build, form, how):
    pair = lost_by(build, form, how)
    pair.answer("approve")
    for _ in range(3):
        report = pair.sync()
        assert (report.outcome, report.written, report.population["procore"]) == ("ok", NOTHING, IN_SYNC)
        assert pair.items() == []
    pair.edit(pair.lossy, "Another rest")
    assert (pair.sync().written, pair.items()) == (NOTHING, [("conflict", "description")])
    assert pair.text(pair.whole) == ODD


@ONE
@HOW
def test_what_was_left_so_is_sent_and_asked_about_once_the_whole_text_changes(build, form, how):
    pair = lost_by(build, form, how)
    pair.answer("approve")
    pair.sync()
    pair.edit(pair.whole, ODD + ", and more")
    pair.sync()
    assert pair.items() == [("refused", "description")]
    assert (pair.sync().written, pair.text(pair.whole)) == (NOTHING, ODD + ", and more")


@ONE
def test_an_answer_to_a_loss_counts_for_the_texts_it_was_given_to(build, form):
    pair = lost_by(build, form, "update")
    pair.answer("approve")
    pair.edit(pair.whole, ODD + ", and more")
    pair.sync()
    assert pair.items() == [("refused", "description")]


@ONE
@HOW
def test_an_edit_of_the_whole_text_is_sent_once(build, form, how):
    pair = lost_by(build, form, how)
    pair.edit(pair.whole, ODD + ", and more")
    writes = len(pair.world.fourhse.writes) + len(pair.world.procore.writes)
    for _ in range(3):
        pair.sync()
        pair.world.clock.advance(hours=30)
    assert len(pair.world.fourhse.writes) + len(pair.world.procore.writes) == writes + 1
    pair.edit(pair.whole, "Short and plain")
    report = pair.sync()
    assert (pair.text(pair.lossy), pair.items()) == ("Short and plain", [])
    assert report.population["procore"] == IN_SYNC


@ONE
@HOW
def test_a_retry_sends_it_once_more(build, form, how):
    pair = lost_by(build, form, how)
    pair.answer("retry")
    writes = len(pair.world.fourhse.writes) + len(pair.world.procore.writes)
    for _ in range(3):
        pair.sync()
    assert len(pair.world.fourhse.writes) + len(pair.world.procore.writes) == writes + 1
    assert pair.items() == [("refused", "description")]


@ONE
def test_a_retry_that_is_kept_whole_ends_it(build, form):
    pair = lost_by(build, form, "update")
    for system in (pair.world.procore, pair.world.fourhse):
        object.__setattr__(system.dials, "text_kept", "whole")
    pair.answer("retry")
    report = pair.sync()
    assert (pair.text(pair.lossy), pair.items(), report.population["procore"]) == (ODD, [], IN_SYNC)


@pytest.mark.one_case_in(3)
def test_a_create_without_an_answer_is_ours_though_its_text_is_cut(build, form):
    pair = lossy(build, *form)
    fault = FaultKind.LOST_ANSWER
    path = "/incidents$" if pair.lossy is Side.PROCORE else "/incident/create"
    pair.world.faults.add(fault, method="POST", path=path)
    pair.make(text=ODD)
    for _ in range(12):
        pair.world.sync()
    if form == (Side.PROCORE, "emptied"):
        # Nothing but day and title tells that it is ours, before an answer has named our account.
        [made] = pair.world.site()
        assert pair.items() == [("match", None)]
        pair.answer("approve", with_id=made)
        pair.sync()
    assert (len(pair.world.site()), len(pair.world.office()), len(pair.world.links())) == (1, 1, 1)
    [(kind, field)] = pair.items()
    assert (kind, field) in (("refused", "description"), ("conflict", "description"))
    assert (pair.text(pair.whole), pair.text(pair.lossy)) == (ODD, ODD_KEPT[form[1]])


@pytest.mark.parametrize("winner", OnConflict)
def test_a_second_create_without_an_answer_is_known_by_our_account(build, winner):
    """Nothing of its text is there, and no rule takes that for an edit."""
    pair = lossy(build, Side.PROCORE, "emptied")
    mapping = pair.world.route.mapping
    rows = tuple(replace(row, on_conflict=winner) if row.key == "description" else row for row in mapping.fields)
    pair.world.with_route(mapping=replace(mapping, fields=rows))
    pair.make(title="Slip", text="A plain text.")
    pair.sync()
    pair.world.faults.add(FaultKind.LOST_ANSWER, method="POST", path="/incidents$")
    office = pair.world.in_office("Fall", description_event=ODD)
    pair.world.sync()
    for _ in range(3):
        assert pair.sync().written == NOTHING
    assert (len(pair.world.site()), len(pair.world.links())) == (2, 2)
    assert (pair.items(), pair.world.office()[office]["description_event"]) == ([("conflict", "description")], ODD)


@pytest.mark.one_case_in(7)
@pytest.mark.parametrize("winner", [OnConflict.ASK, OnConflict.PROCORE, OnConflict.FOURHSE])
def test_an_update_without_an_answer_is_a_loss_and_no_edit(build, form, winner):
    pair = lossy(build, *form)
    mapping = pair.world.route.mapping
    rows = tuple(replace(row, on_conflict=winner) if row.key == "description" else row for row in mapping.fields)
    pair.world.with_route(mapping=replace(mapping, fields=rows))
    pair.make(text="A plain text.")
    pair.sync()
    method = "PATCH" if pair.lossy is Side.PROCORE else "PUT"
    pair.world.faults.add(FaultKind.LOST_ANSWER, path="/incidents?/", method=method)
    pair.edit(pair.whole, ODD)
    pair.sync()
    report = pair.sync()
    assert (report.written, pair.items()) == (NOTHING, [("refused", "description")])
    assert report.population["procore"] == REFUSED
    assert (pair.text(pair.whole), pair.text(pair.lossy)) == (ODD, ODD_KEPT[form[1]])


@pytest.mark.parametrize("is_lost", [False, True], ids=["answered", "without an answer"])
@pytest.mark.parametrize("winner", [OnConflict.ASK, OnConflict.PROCORE])
def test_a_text_that_our_line_cut_before_it_crossed_never_follows_itself(build, winner, is_lost):
    """4HSE gets the text as a person wrote it, though a line that we wrote above it has cut it in Procore by then."""
    pair = lossy(build, Side.PROCORE, "cut")
    mapping = pair.world.route.mapping
    rows = tuple(replace(row, on_conflict=winner) for row in mapping.fields)
    pair.world.with_route(mapping=replace(mapping, fields=rows))
    pair.make(text="A plain text.")
    pair.sync()
    written = "A worker fell from a ladder that nobody had tied."
    pair.edit(Side.PROCORE, written)
    [office] = pair.world.office()
    pair.world.fourhse.hand_edit("incident", office, deponent="A witness")
    if is_lost:
        pair.world.faults.add(FaultKind.LOST_ANSWER, path="/incident/update", method="PUT")
    pair.sync()
    for _ in range(3):
        assert pair.sync().written == NOTHING
    kept = pair.text(Side.PROCORE).removeprefix("Reporter: A witness\n\n")
    assert (pair.text(Side.FOURHSE), kept != written and written.startswith(kept)) == (written, True)
    assert pair.items() == [("refused", "description")]


def unreadable(pair: Pair) -> Callable[[], None]:
    """From now on Procore shows no text as its description, until what is returned is called."""
    [site] = pair.world.site()
    spoiler = Spoiler(True, "Procore incident", path=("description",), value={"x": 1})
    spoiler.targets["Procore incident"] = site
    spoilt: Any = Spoiled(pair.world.procore, spoiler)
    pair.world.runtime = pair.world._house(pair.world.store, pair.world.clock, spoilt, pair.world.fourhse)
    return lambda: setattr(spoiler, "armed", False)


def in_the_bin(pair: Pair) -> Callable[[], None]:
    [site] = pair.world.site()
    pair.world.procore.hand_delete("incident", int(site))
    return lambda: pair.world.procore.hand_restore("incident", int(site))


HIDDEN = pytest.mark.parametrize("hide", [unreadable, in_the_bin])
BEHIND = {"deponent": "A witness"}, {"description_event": ODD}


def changed_out_of_sight(build, changed: dict[str, str], fault: FaultKind, hide, winner=OnConflict.ASK) -> Pair:
    """An update of Procore got no answer, and what it left there could not be seen for a while; now it can."""
    pair = lossy(build, Side.PROCORE, "cut")
    mapping = pair.world.route.mapping
    rows = tuple(replace(row, on_conflict=winner) for row in mapping.fields)
    pair.world.with_route(mapping=replace(mapping, fields=rows))
    pair.make(text="A worker fell from a ladder that nobody had tied.")
    pair.sync()
    pair.world.faults.add(fault, path="/incidents/", method="PATCH")
    [office] = pair.world.office()
    pair.world.fourhse.hand_edit("incident", office, **changed)
    pair.sync()
    show = hide(pair)
    for _ in range(2):
        pair.world.sync()
    show()
    return pair


@HIDDEN
@pytest.mark.parametrize("changed", BEHIND, ids=["a line above it", "the text"])
def test_what_an_update_left_out_of_sight_is_no_edit(build, changed, hide):
    """Procore kept a part, and no rule carries that to 4HSE once it can be seen."""
    pair = changed_out_of_sight(build, changed, FaultKind.LOST_ANSWER, hide, OnConflict.PROCORE)
    whole = pair.text(Side.FOURHSE)
    assert pair.text(Side.PROCORE) not in (whole, f"Reporter: A witness\n\n{whole}")
    for _ in range(3):
        assert pair.sync().written == NOTHING
    assert (pair.text(Side.FOURHSE), pair.items()) == (whole, [("conflict", "description")])


@HIDDEN
def test_an_update_that_never_arrived_is_sent_once_its_record_is_in_sight_again(build, hide):
    changed = {"deponent": "Al", "description_event": "A plain text."}
    pair = changed_out_of_sight(build, changed, FaultKind.ERROR_BEFORE, hide)
    for _ in range(3):
        pair.sync()
    assert pair.text(Side.PROCORE) == "Reporter: Al\n\nA plain text."
    assert (pair.text(Side.FOURHSE), pair.items()) == ("A plain text.", [])


# Whatever happens to the memory of it -------------------------------------------------------------------------------


@ONE
@HOW
def test_a_purge_takes_the_values_and_not_the_question(build, form, how):
    pair = lost_by(build, form, how)
    pair.world.clock.advance(days=400)
    done = purge_old(pair.world.runtime, Cutoffs.at, all_routes(pair.world.runtime), dry=False)
    assert not done.busy
    links = pair.world.links()
    with pair.world.store.begin() as unit:
        for link in links:
            redacted = {key: redact_base(base, "salt") for key, base in link.base.items()}
            unit.links(pair.world.route.key).rebase(link.ref(Side.PROCORE), redacted)
    assert (pair.sync().written, pair.items()) == (NOTHING, [("refused", "description")])
    pair.edit(pair.lossy, "What a person wrote there")
    assert (pair.sync().written, pair.items()) == (NOTHING, [("conflict", "description")])
    assert pair.text(pair.whole) == ODD


@ONE
@pytest.mark.parametrize("use", ["base", "accept"])
def test_a_source_that_comes_back_from_a_backup_never_gets_the_kept_part(build, form, use):
    pair = lossy(build, *form)
    pair.make(text="A plain text.")
    pair.sync()
    pair.world.clock.advance(hours=1)
    pair.edit(pair.whole, "Another text.")
    pair.sync()
    system = pair.world.procore if pair.whole is Side.PROCORE else pair.world.fourhse
    night = system.snapshot()
    pair.world.clock.advance(hours=1)
    pair.edit(pair.whole, ODD)
    pair.sync()
    system.restore_snapshot(night)
    pair.sync()
    for entry in pair.world.inbox():
        if entry.item.kind == "guard":
            pair.world.answer(entry.id, "approve", use=use)
    for _ in range(3):
        pair.sync()
        assert pair.text(pair.whole) == "Another text."
    if use == "base" and pair.whole is Side.PROCORE:
        assert pair.items() == [("conflict", "description")]


def test_a_backfill_leaves_what_was_lost_as_it_is(build):
    pair = lost_by(build, (Side.FOURHSE, "cut"), "create")
    day = date(2026, 2, 10)
    result = backfill(pair.world.runtime, pair.world.route, Span(day, day))
    assert result.report.written == NOTHING
    assert pair.items() == [("refused", "description")]


# People, custom fields and titles ------------------------------------------------------------------------------------


PLAIN = "Jo & co fell 😀 from a ladder that nobody had tied to the wall above"
"""Without markup, which does not count in Procore's descriptions of people."""


@pytest.mark.one_case_in(3)
@pytest.mark.parametrize("form", ["cut", "cut at four bytes", "escaped", "emptied"])
@HOW
def test_what_is_told_of_a_person_is_kept_and_asked_about_too(build, form, how):
    world = lossy(build, Side.FOURHSE, form).world
    party, _ = hire(world)
    site = world.on_site("Fall")
    told = {"description": PLAIN} if how == "create" else {}
    injury = hurt_on_site(world, site, party, days=3, **told)
    world.sync()
    if how == "update":
        world.procore.hand_edit("injury", injury, description=PLAIN)
        world.sync()
    for _ in range(2):
        report = world.sync()
        assert report.written == NOTHING
        assert report.population["procore"] == report.population["fourhse"] == REFUSED
        [entry] = world.inbox()
        assert (entry.item.kind, entry.item.field, entry.item.procore_id) == ("refused", "person_description", site)
    [row] = world.office().values()
    [person] = row["persons"]
    world.fourhse.hand_edit("incident-person", person["office_incident_person_id"], description="Another rest")
    world.sync()
    [entry] = world.inbox()
    assert (entry.item.kind, entry.item.procore_value, entry.item.fourhse_value) == ("conflict", PLAIN, "Another rest")
    world.answer(entry.id, "resolve", use="procore")
    for _ in range(3):
        world.sync()
    [entry] = world.inbox()
    assert entry.item.kind == "refused"
    world.answer(entry.id, "approve")
    assert (world.sync().population["procore"], world.inbox()) == (IN_SYNC, [])
    assert world.site()[site]["injuries"][0]["description"] == PLAIN


CUSTOM = 598134325870420
WEATHER = f"""
  - field: Weather
    procore: custom_field_{CUSTOM}
    4hse: deponent
    direction: both
    using: text
"""


@pytest.mark.one_case_in(3)
@pytest.mark.parametrize("form", list(ODD_KEPT))
@HOW
def test_a_custom_field_is_kept_and_asked_about_too(build, tmp_path, form, how):
    folder = copytree(MAPPING, tmp_path / "site")
    path = folder / "incident.yaml"
    path.write_text(without_office_rows(path.read_text(encoding="utf-8")) + WEATHER, encoding="utf-8")
    world = lossy(build, Side.PROCORE, form, mapping=load(folder)).world
    world.procore.add_custom_field(CUSTOM, "string")
    office = world.in_office("Fall", **({"deponent": ODD} if how == "create" else {}))
    world.sync()
    if how == "update":
        world.fourhse.hand_edit("incident", office, deponent=ODD)
        world.sync()
    assert (world.sync().population["fourhse"], world.office()[office]["deponent"]) == (REFUSED, ODD)
    [site] = world.site()
    world.procore.hand_edit("incident", int(site), **{f"custom_field_{CUSTOM}": "Rain"})
    assert world.sync().written == NOTHING
    [entry] = world.inbox()
    assert (entry.item.kind, entry.item.procore_value, entry.item.fourhse_value) == ("conflict", "Rain", ODD)


@HOW
def test_a_title_that_4hse_cuts_by_itself_never_shortens_procore_s(build, how):
    pair = lossy(build, Side.FOURHSE, "cut")
    title = "Fall from a ladder that somebody had put against the gate of the site"
    pair.make(text="A worker fell.", **({"title": title} if how == "create" else {}))
    pair.sync()
    [site] = pair.world.site()
    if how == "update":
        pair.world.procore.hand_edit("incident", int(site), title=title)
        pair.sync()
    assert (pair.sync().written, pair.items()) == (NOTHING, [("refused", "title")])
    [office] = pair.world.office()
    pair.world.fourhse.hand_edit("incident", office, name="Fall")
    assert (pair.sync().written, pair.items()) == (NOTHING, [("conflict", "title")])
    assert pair.world.site()[site]["title"] == title


@pytest.mark.parametrize("how", ["create", "update", "update without an answer"])
def test_a_long_title_whose_leading_line_is_cut_never_touches_procore(build, how):
    pair = lossy(build, Side.FOURHSE, "cut")
    title = "Fall " * 60 + "end"
    pair.make(text="A worker fell.", title=title if how == "create" else "Fall")
    pair.sync()
    [site] = pair.world.site()
    if how != "create":
        if how != "update":
            pair.world.faults.add(FaultKind.LOST_ANSWER, path="/incident/update", method="PUT")
        pair.world.procore.hand_edit("incident", int(site), title=title)
        pair.sync()
    for _ in range(3):
        assert pair.sync().written == NOTHING
    assert (pair.world.site()[site]["title"], pair.world.site()[site]["description"]) == (title, "A worker fell.")
    assert pair.items() == [("refused", "title"), ("refused", "description")]


def test_a_line_that_is_written_above_a_text_which_is_cut_never_touches_that_text(build):
    """The kind of injury is one line of the 4HSE text, what is told of the person stands below it."""
    world = lossy(build, Side.FOURHSE, "cut").world
    party, _ = hire(world)
    site = world.on_site("Fall")
    told = "He fell from a ladder. Nobody had tied it to a wall."
    injury = hurt_on_site(world, site, party, days=3, description=told)
    world.sync()
    assert world.sync().population["procore"] == IN_SYNC
    world.procore.hand_edit("injury", injury, filing_type="first_aid")
    world.sync()
    for _ in range(3):
        assert world.sync().written == NOTHING
    assert world.site()[site]["injuries"][0]["description"] == told
    assert [(entry.item.kind, entry.item.field) for entry in world.inbox()] == [("refused", "person_description")]


def closed_where_4hse_escapes(build, put_is):
    """A text that somebody edited in 4HSE, which escapes all that it is sent, and was then closed in Procore."""
    pair = Pair(build(fourhse_dials=FourHseDials(put_is=put_is, text_kept="escaped")), Side.FOURHSE)
    pair.make(text="A plain text.")
    pair.sync()
    pair.edit(Side.FOURHSE, "A & B")
    pair.sync()
    [site] = pair.world.site()
    pair.world.procore.hand_edit("incident", int(site), status="closed")
    return pair, site


@pytest.mark.parametrize("fault", [None, FaultKind.LOST_ANSWER])
def test_what_4hse_does_not_keep_of_a_record_that_is_sent_whole_is_nobodys_edit(build, fault):
    """Where 4HSE replaces records, each change sends the description along, and it is escaped once more."""
    pair, site = closed_where_4hse_escapes(build, put_is="full")
    pair.sync()
    pair.world.procore.hand_edit("incident", int(site), status="open")
    if fault is not None:
        pair.world.faults.add(fault, path="/incident/update")
    for _ in range(3):
        pair.sync()
    assert pair.text(Side.PROCORE) == "A &amp; B"
    assert pair.items() == [("refused", "description")]
    assert pair.sync().written == NOTHING


@pytest.mark.parametrize("fault", [None, FaultKind.LOST_ANSWER])
def test_what_4hse_does_not_keep_of_what_is_put_back_is_nobodys_edit(build, fault):
    pair, _ = closed_where_4hse_escapes(build, put_is="blanking")
    pair.world.sync()
    pair.answer("approve")
    if fault is not None:
        pair.world.faults.add(fault, path="/incident/update")
        pair.world.sync()
    for _ in range(3):
        pair.sync()
    assert (pair.text(Side.PROCORE), pair.text(Side.FOURHSE)) == ("A &amp; B", "A &amp;amp; B")
    assert pair.items() == [("refused", "description")]
