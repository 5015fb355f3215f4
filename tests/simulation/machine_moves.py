"""A history before it happens: who does what in which round, which dials are turned, what goes wrong.

All plain values, drawn by Hypothesis and printed when a promise breaks.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS, HypothesisProvider

from procore_4hse.simulator.faults import FaultKind
from procore_4hse.simulator.fourhse_dials import FourHseDials
from procore_4hse.simulator.procore_dials import ProcoreDials

EVENLY = "evenly"
AVAILABLE_PROVIDERS[EVENLY] = "machine_moves.Evenly"


class Evenly(HypothesisProvider):
    """Draws every choice as often as any other, and each history anew.

    By itself Hypothesis prefers small numbers, that is the first words of every list here, and makes two histories of
    three by copying parts of one it has drawn before; rare answers then stay away from thousands of histories.
    """

    def draw_integer(
        self,
        min_value: int | None = None,
        max_value: int | None = None,
        *,
        weights: dict[int, float] | None = None,
        shrink_towards: int = 0,
    ) -> int:
        if self._random is None or min_value is None or max_value is None or weights is not None:
            return super().draw_integer(min_value, max_value, weights=weights, shrink_towards=shrink_towards)
        return self._random.randint(min_value, max_value)


SITE = (
    *("report", "title", "title", "text", "text", "day", "day", "hour", "status", "status", "injure", "injure"),
    *("damage", "spill", "clean up", "heal", "delete", "restore", "private", "note", "enter anew", "half an emoji"),
    *("hurt stranger", "hurt stranger", "line", "line"),
)
OFFICE = (
    *("report", "title", "title", "text", "text", "day", "day", "status", "status", "category", "category"),
    *("unshare", "strange word", "delete", "put back", "note", "enter anew", "half an emoji"),
    *("note", "code", "code"),
)
AROUND = ("hide some", "hide all", "show all", "historicize", "reactivate", "suspend", "resume", "hide project")
SETTINGS = ("new words", "other since", "move project")
CLOCKS = (timedelta(days=-1), timedelta(hours=1), timedelta(days=365))
"""How far our own clock may be from the truth for a cycle."""
RARE = ("move project", "new words", "new words", "other since", "unlink", "correct list", "correct list")
INBOX = (*("answer",) * 6, "withdraw", "withdraw", "forget", "forget")
MIDDLE = ("title", "text", "day", "status", "delete", "restore", "report")
ZONES = ("America/Los_Angeles", "Europe/Rome", "Australia/Sydney", "Pacific/Honolulu")
ODD_ONES = (
    *(("Procore incident", "title", odd) for odd in ("list of objects", "object")),
    *(("Procore incident", "description", odd) for odd in ("list", "object of objects")),
    *(("Procore incident", "status", odd) for odd in ("text", "list")),
    *(("Procore incident", "event_date", odd) for odd in ("day of no calendar", "beyond 64 bit")),
    ("Procore incident", "id", "as text"),
    *(("4HSE incident", "name", odd) for odd in ("list of objects", "object")),
    *(("4HSE incident", "description_event", odd) for odd in ("list", "object of objects")),
    *(("4HSE incident", "status", odd) for odd in ("text", "list")),
    *(("4HSE incident", "date_incident", odd) for odd in ("day of no calendar", "thousands of digits")),
    *(("4HSE incident", "category", odd) for odd in ("object", "beyond 64 bit")),
    ("4HSE incident", "office_incident_id", "capitals"),
)
"""What may be odd about a record: its kind, a field, and one of `odd_values.ODD` that says nothing there."""
TARGETS = ("any", "write", "write", "list", "records", "view", "create", "token")


@dataclass(frozen=True)
class Move:
    """Something a person does. `which` and `value` choose among what there is at that moment."""

    what: str
    which: int
    value: int


@dataclass(frozen=True)
class Fault:
    kind: FaultKind
    target: str
    skip: int
    times: int


@dataclass(frozen=True)
class Death:
    """The process dies at this boundary, the `after`-th time it comes there."""

    boundary: str
    after: int


@dataclass(frozen=True)
class Meddling:
    """A person acts in the middle of a cycle, right before a call that reads."""

    side: str
    move: Move
    after: int


@dataclass(frozen=True)
class Neighbour:
    """Another process wants the route right before a call that reads, the `after`-th; `late`: we slept that long."""

    after: int
    late: bool


@dataclass(frozen=True)
class Odd:
    """From now until the next turn every answer that shows this record holds a value that nobody expects there."""

    place: tuple[str, str, str]
    which: int


@dataclass(frozen=True)
class Turn:
    """What happens until a cycle and in it."""

    site: tuple[Move, ...]
    office: tuple[Move, ...]
    inbox_person: tuple[Move, ...] = ()
    around: tuple[Move, ...] = ()
    trouble: tuple[Fault, ...] | Death | Meddling | Neighbour | None = None
    mapping_diff: bool = False
    """A dry run goes before the cycle, and both must plan the same."""
    settings: tuple[Move, ...] = ()
    """What changes in the settings between a person's answer and the cycle that would carry it out."""
    clock: timedelta = timedelta(0)
    """How far our own clock is from the truth in this cycle; the vendors' are right."""
    odd: Odd | None = None


@dataclass(frozen=True)
class Setting:
    """What holds for a whole history."""

    zone: str
    turned: tuple[tuple[str, str, Any], ...]
    """(system, dial, answer) for every dial that is turned away from its likeliest answer."""
    policy: str
    direction: str
    private: str
    rule: str
    """Who wins when both sides changed a title."""
    on_site: int
    in_office: int
    on_both: int
    at_once: bool
    """The first meeting is approved in advance."""
    second_route: bool = False
    """Another project and office share the store."""
    custom_row: str = ""
    """The mapping leads to a custom field that Procore knows, or does not: `known`, `unknown`; else to none."""

    def procore(self) -> ProcoreDials:
        return replace(ProcoreDials(), **self._turned("procore"))

    def fourhse(self) -> FourHseDials:
        return replace(FourHseDials(), **self._turned("fourhse"))

    def partial(self) -> frozenset[str]:
        """The sides that keep only a part of some texts."""
        kept = {"procore": self.procore().text_kept, "fourhse": self.fourhse().text_kept}
        return frozenset(side for side, form in kept.items() if form != "whole")

    def custom_field(self) -> str:
        """Where Procore refuses custom fields that it does not know, it is sent one."""
        return "unknown" if "undefined_custom_fields" in self._turned("procore") else self.custom_row

    def _turned(self, system: str) -> dict[str, Any]:
        return {name: answer for one, name, answer in self.turned if one == system}


@dataclass(frozen=True)
class History:
    setting: Setting
    turns: tuple[Turn, ...]


UNASKED = {
    "procore": frozenset(
        {
            *("null_clears", "one_patch_clears_both", "retry_after_on_429", "array_filter_needs_brackets"),
            *("private_get_answers", "patch_unknown_fields", "people_who_left_listed", "near_miss_create_validates"),
        }
    ),
    "fourhse": frozenset(
        {
            *("repeated_id", "category_required", "duplicate_person_refused", "other_office_person_refused"),
            *("historicized_person_refused", "delete_preview_status", "force_false_deletes_childless", "code_filter"),
            *("history_accepted", "history_shows_hidden_incidents", "bad_password_status"),
        }
    ),
}
"""Dials that no call of these histories looks at; README.md names the tests that turn them."""


def _alternatives(system: str, usual: ProcoreDials | FourHseDials) -> list[tuple[str, str, Any]]:
    """Every answer of every dial that is looked at and not the likeliest."""
    names = [dial.name for dial in fields(usual) if dial.name not in UNASKED[system]]
    pairs = ((name, other) for other in usual.alternatives() for name in names)
    return [
        (system, name, getattr(other, name)) for name, other in pairs if getattr(other, name) != getattr(usual, name)
    ]


TURNS = [*_alternatives("procore", ProcoreDials()), *_alternatives("fourhse", FourHseDials())]
small = st.integers(0, 11)


def moves(words: tuple[str, ...], least: int, most: int) -> st.SearchStrategy[tuple[Move, ...]]:
    one = st.builds(Move, st.sampled_from(words), small, small)
    return st.lists(one, min_size=least, max_size=most).map(tuple)


def _often(nothing: int, *others: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Mostly nothing; the first of `nothing` shares is the calm case that examples shrink towards."""
    return st.one_of(*([st.none()] * nothing), *others)


faults = st.lists(
    st.builds(Fault, st.sampled_from(FaultKind), st.sampled_from(TARGETS), st.integers(0, 6), st.integers(1, 3)),
    min_size=1,
    max_size=2,
).map(tuple)
deaths = st.one_of(
    st.builds(Death, st.sampled_from(("before write", "after write")), st.integers(0, 2)),
    st.builds(Death, st.sampled_from(("before commit", "after commit")), st.integers(0, 24)),
)
meddlings = st.builds(
    Meddling,
    st.sampled_from(("procore", "fourhse")),
    st.builds(Move, st.sampled_from(MIDDLE), small, small),
    st.integers(0, 14),
)
neighbours = st.builds(Neighbour, st.integers(0, 14), st.booleans())
turns = st.builds(
    Turn,
    site=moves(SITE, 1, 3),
    office=moves(OFFICE, 1, 3),
    inbox_person=moves(INBOX, 1, 4),
    around=st.one_of(st.just(()), st.just(()), st.just(()), moves(AROUND, 1, 1), moves((*AROUND, *RARE, *RARE), 1, 1)),
    trouble=_often(5, faults, faults, deaths, meddlings, neighbours),
    mapping_diff=st.sampled_from((False,) * 15 + (True,)),
    settings=st.one_of(*(st.just(()) for _ in range(14)), moves(SETTINGS, 1, 1)),
    clock=st.sampled_from((timedelta(0),) * 17 + CLOCKS),
    odd=_often(5, st.builds(Odd, st.sampled_from(ODD_ONES), small)),
)
settings = st.builds(
    Setting,
    zone=st.sampled_from(ZONES),
    turned=st.lists(st.sampled_from(TURNS), max_size=4, unique_by=lambda turn: turn[:2]).map(tuple),
    policy=st.sampled_from(("ask", "ask", "propagate", "close", "ignore")),
    direction=st.sampled_from(("both",) * 5 + ("procore to 4hse", "4hse to procore")),
    private=st.sampled_from(("skip", "skip", "include")),
    rule=st.sampled_from(("ask a person",) * 3 + ("procore wins", "4hse wins")),
    on_site=st.integers(0, 2),
    in_office=st.integers(0, 2),
    on_both=st.integers(0, 2),
    at_once=st.booleans(),
    second_route=st.sampled_from((False,) * 4 + (True,)),
    custom_row=st.sampled_from(("",) * 8 + ("known", "unknown")),
)


def histories(many_turns: int = 5) -> st.SearchStrategy[History]:
    return st.builds(History, settings, st.lists(turns, min_size=many_turns, max_size=many_turns).map(tuple))
