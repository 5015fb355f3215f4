"""The form of a mapping folder, and the documented words of `using:`. The JSON Schema for editors comes from here."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, WithJsonSchema

from procore_4hse.mapping.classes import FieldClass
from procore_4hse.mapping.lenses import typed
from procore_4hse.mapping.lenses.actions import ActionsLens
from procore_4hse.mapping.lenses.base import Lens
from procore_4hse.mapping.lenses.category import CategoryLens, Meaning
from procore_4hse.mapping.lenses.custom import CustomWordLens, CustomWordsLens, DecimalLens
from procore_4hse.mapping.lenses.display import EntryLens, ShownLens
from procore_4hse.mapping.lenses.equipment import EquipmentLens
from procore_4hse.mapping.lenses.incident import DayLens, StatusLens, TextLens, TitleLens
from procore_4hse.mapping.lenses.lines import Spot
from procore_4hse.mapping.lenses.office import LISTS, OfficeLens
from procore_4hse.mapping.lenses.person import NumberLens, PersonLens
from procore_4hse.mapping.lenses.records import FIELDS as RECORD_FIELDS
from procore_4hse.mapping.lenses.records import STATEMENTS, RecordsLens
from procore_4hse.mapping.lenses.typed import COUNT, DAY, YES_OR_NO, TypedLens
from procore_4hse.mapping.lenses.words import PartsLens, WordLens, WordList
from procore_4hse.mapping.paths import CUSTOM, stem
from procore_4hse.mapping.rules import Direction, OnConflict
from procore_4hse.mapping.vendor_fields import (
    EQUIPMENT_FIELDS,
    INCIDENT_FIELDS,
    NAME_LISTS,
    PERSON_FIELDS,
    PERSON_READ_ONLY,
    PICKERS,
    READ_ONLY,
)
from procore_4hse.models import PEOPLE_RECORDS, Kind

VERSION = "2"
VERSIONS = ("1", VERSION)
"""Version 1 had no people.yaml: who was hurt, and for how many days, crossed by rows that stood in no file."""
LIST_NAME = "[a-z0-9_]+"
"""A word list's name: a file of the folder words, without its ending."""


class FourhseCategory(StrEnum):
    """The nine words that 4HSE documents (H4). Old incidents may hold any other."""

    NON_COMPLIANCE = "NON_COMPLIANCE"
    ACCIDENTS = "ACCIDENTS"
    ACCIDENTS_AND_MISSED_INJURIES = "ACCIDENTS_AND_MISSED_INJURIES"
    REPORT_MALFUNCTION = "REPORT_MALFUNCTION"
    REPORT_FAILURE = "REPORT_FAILURE"
    REQUEST_INSPECTION = "REQUEST_INSPECTION"
    REQUEST_MAINTENANCE = "REQUEST_MAINTENANCE"
    REQUEST_REPLACEMENT = "REQUEST_REPLACEMENT"
    REQUEST_INTERVENTION = "REQUEST_INTERVENTION"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


Text = Annotated[str, Field(min_length=1)]
UsingWord = Literal[
    "title",
    "text",
    "local day",
    "status",
    "category from records",
    "server text",
    "name",
    "actions summary",
    "records summary",
    "office summary",
    "number",
    "yes or no",
    "entry",
    "words",
    "several words",
]
PersonUsingWord = Literal[
    "person",
    "number",
    "day",
    "yes or no",
    "text",
    "server text",
    "name",
    "entry",
    "words",
    "body parts",
    "several words",
]
EquipmentUsingWord = Literal["equipment"]
EquipmentRuleWord = Literal["identification number is code", "serial number", "exact name"]
RuleWord = Literal["employee id is code", "employee id is tax code", "e-mail", "exact name"]


class _RowText(_Strict):
    """What a row of any file holds."""

    field: Text = Field(description="The name that people read, in the inbox and in reports; free to choose.")
    procore: Text = Field(description="The field in Procore.")
    fourhse: Text = Field(alias="4hse", description="The field in 4HSE.")
    direction: Literal[Direction.BOTH, Direction.TO_FOURHSE, Direction.TO_PROCORE] = Field(
        description="The way the value travels: `both`, `procore to 4hse` or `4hse to procore`."
    )
    if_both_changed: OnConflict = Field(
        default=OnConflict.ASK,
        alias="if both changed",
        description="Who decides when both sides changed it: `ask a person`, `procore wins` or `4hse wins`.",
    )
    words: Annotated[str, Field(pattern=f"^{LIST_NAME}$")] | None = Field(
        default=None,
        description="The word list: the name of a file in the folder words, in small letters, digits and `_`.",
    )
    line: Annotated[str, Field(pattern="^[^:;]+$")] | None = Field(
        default=None,
        description="The name of the line above the 4HSE text that holds this value, as in `Affliction: Fracture`.",
    )
    privacy: FieldClass | None = Field(
        default=None,
        alias="class",
        description="`plain`, `location`, `identity` or `health`, where that is higher than the field's own class.",
    )
    reason: Text | None = Field(default=None, description="Why the row is as it is.")
    owner: Text | None = Field(default=None, description="Who answers for this row, when it is not the file's owner.")


class RowText(_RowText):
    """One row of incident.yaml as it is written."""

    procore_line: Annotated[str, Field(pattern="^[^:;]+$")] | None = Field(
        default=None,
        alias="procore line",
        description="The name of the line, above the text in Procore, that holds this value.",
    )

    using: UsingWord = Field(
        description="How one form becomes the other; docs/mapping-reference.md explains each word."
    )


class PersonRowText(_RowText):
    """One row of people.yaml as it is written."""

    using: PersonUsingWord = Field(
        description="How one form becomes the other; docs/mapping-reference.md explains each word."
    )


class PartnerText(_Strict):
    """Two ids that mean one person, as a table of exceptions holds them."""

    procore: Annotated[str, Field(pattern="^[0-9]+$")] = Field(description="The person's id in Procore's directory.")
    fourhse: Text = Field(alias="4hse", description="The id of the person's assignment to the 4HSE office.")


# Editors see a number, as people write it; `document` reads every value as text.
VersionText = Annotated[str, WithJsonSchema({"enum": [int(version) for version in VERSIONS]})]


class MappingText(_Strict):
    """incident.yaml as it is written."""

    version: VersionText = Field(description="The form of the folder: `2`.")
    owner: Text = Field(description="Who answers for this mapping.")
    validations: Literal["on", "off"] = Field(
        default="off",
        alias="configurable validations",
        description="Whether Procore refuses what lacks a field that the company calls required.",
    )
    fields: Annotated[list[RowText], Field(min_length=1)] = Field(description="The rows, in any order.")


class PeopleText(_Strict):
    """people.yaml as it is written."""

    owner: Text = Field(description="Who answers for these rows.")
    recognised_by: Annotated[list[RuleWord], Field(min_length=1)] = Field(
        alias="recognised by", description="How a person is found in the other system, in this order."
    )
    partners: list[PartnerText] = Field(default=[], description="Exceptions, which go before every rule.")
    fields: Annotated[list[PersonRowText], Field(min_length=1)] = Field(description="The rows, in any order.")


class EquipmentRowText(_RowText):
    """The row of equipment.yaml as it is written."""

    using: EquipmentUsingWord = Field(
        description="How one form becomes the other; docs/mapping-reference.md explains it."
    )


class EquipmentText(_Strict):
    """equipment.yaml as it is written."""

    owner: Text = Field(description="Who answers for this row.")
    recognised_by: Annotated[list[EquipmentRuleWord], Field(min_length=1)] = Field(
        alias="recognised by", description="How a piece of equipment is found in the other system, in this order."
    )
    partners: list[PartnerText] = Field(default=[], description="Exceptions, which go before every rule.")
    fields: Annotated[list[EquipmentRowText], Field(min_length=1, max_length=1)] = Field(description="The one row.")


class WordPairText(_Strict):
    """One line of a word list of two free columns as it is written."""

    fourhse: Annotated[str, Field(min_length=1, pattern="^[^;]*$")] = Field(
        alias="4hse", description="The word in 4HSE."
    )
    procore: Text = Field(description="Procore's word for it, several with ` + ` between them, or `not shared`.")


class StatusWordText(_Strict):
    """One line of a list of custom statuses as it is written."""

    fourhse: Literal["open", "closed"] = Field(alias="4hse", description="The word in 4HSE.")
    procore: Annotated[str, Field(pattern="^[0-9]+$")] = Field(description="The id of the custom status in Procore.")


# Editors complete the documented words; a word of a customer's own is none of them, and no mistake.
CategoryText = Annotated[
    Text, WithJsonSchema({"anyOf": [{"enum": [word.value for word in FourhseCategory]}, {"type": "string"}]})
]


class WordText(_Strict):
    """One line of a word list as it is written."""

    fourhse: CategoryText = Field(alias="4hse", description="The word in 4HSE.")
    procore: Meaning = Field(description="The records for which it is written, or that it stays in 4HSE.")


WordListText = Annotated[list[WordText], Field(min_length=1)]
MAPPING_TEXT: TypeAdapter[MappingText] = TypeAdapter(MappingText)
PEOPLE_TEXT: TypeAdapter[PeopleText] = TypeAdapter(PeopleText)
EQUIPMENT_TEXT: TypeAdapter[EquipmentText] = TypeAdapter(EquipmentText)
WORD_LIST_TEXT: TypeAdapter[list[WordText]] = TypeAdapter(WordListText)
STATUS_WORDS_TEXT: TypeAdapter[list[StatusWordText]] = TypeAdapter(Annotated[list[StatusWordText], Field(min_length=1)])
WORD_PAIRS_TEXT: TypeAdapter[list[WordPairText]] = TypeAdapter(Annotated[list[WordPairText], Field(min_length=1)])


def json_schema_text() -> str:
    """The JSON Schema of every kind of file, as mappings/mapping.schema.json holds it."""
    any_file: TypeAdapter[Any] = TypeAdapter(
        MappingText | PeopleText | EquipmentText | WordListText | list[StatusWordText] | list[WordPairText]
    )
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A file of a mapping folder: incident.yaml, people.yaml, equipment.yaml, or a word list",
        **any_file.json_schema(by_alias=True),
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


class Keeps(StrEnum):
    """What a value loses on its way."""

    EXACT = "exact"
    LOSSY = "lossy"
    ONE_WAY = "one-way"


Words = tuple[tuple[str, str], ...]
"""A word list's lines: 4HSE word, Procore's word."""


@dataclass(frozen=True)
class Row:
    """What a lens is built from: the row as it is written, its word list, and the named lines of its two texts."""

    text: RowText | PersonRowText | EquipmentRowText
    words: Words
    labels: tuple[str, ...]
    site_labels: tuple[str, ...] = ()

    @property
    def list(self) -> WordList:
        return WordList.of(self.text.words or "", self.words)

    @property
    def spot(self) -> Spot:
        return Spot(self.text.fourhse, self.text.line, self.labels)

    @property
    def site(self) -> Spot | None:
        line = site_line(self.text)
        return None if line is None else Spot(self.text.procore, line, self.site_labels)

    @property
    def is_custom(self) -> bool:
        return stem(self.text.procore) == CUSTOM


def site_line(text: RowText | PersonRowText | EquipmentRowText) -> str | None:
    """The line in Procore that holds the value of a row; incidents alone have such lines."""
    return text.procore_line if isinstance(text, RowText) else None


@dataclass(frozen=True)
class Using:
    """A word of `using:`: what it means to people, the lens it stands for, and the fields it serves on both sides."""

    word: str
    means: str
    build: Callable[[Row], Lens]
    procore: frozenset[str]
    fourhse: frozenset[str]
    lost: str = ""
    """What is lost, or why it goes one way; empty when nothing is."""
    key: str | None = None
    """The stable name of the one field it serves; None: the field's name in Procore."""
    kinds: tuple[Kind, ...] = (Kind.INCIDENT,)
    """The Procore records that have such a field."""
    is_required: bool = False
    takes_words: bool = False
    may_take_words: bool = False
    never_writes: str | None = None
    """The side, `procore` or `4hse`, that it leaves alone whatever the direction says."""
    ways: tuple[Direction, ...] = (Direction.BOTH, Direction.TO_FOURHSE, Direction.TO_PROCORE)
    on_lines: frozenset[str] = frozenset()
    """The fields in Procore whose value may stand on a named line."""
    on_site_lines: frozenset[str] = frozenset()
    """The fields in 4HSE whose value may stand on a named line in Procore."""
    not_duplicates: frozenset[tuple[str, str]] = frozenset()
    """Fields that it serves on their side, but not with each other."""
    fills_only: bool = False

    def serves(self, column: str) -> frozenset[str]:
        return self.procore if column == "procore" else self.fourhse

    @property
    def keeps(self) -> Keeps:
        if not self.lost:
            return Keeps.EXACT
        return Keeps.ONE_WAY if self.never_writes or Direction.BOTH not in self.ways else Keeps.LOSSY


# The words of `using:`, in the order of docs/mapping-reference.md ----------------------------------------------------


def _fields(*names: str) -> frozenset[str]:
    return frozenset(names)


def _may_stand_on_a_line(using: Using) -> Using:
    """The same word, each of whose values may stand on a named line of a text."""
    return replace(using, on_lines=using.procore)


def _between(lens: Callable[[str, str], Lens]) -> Callable[[Row], Lens]:
    """A lens that needs the two fields alone."""
    return lambda row: lens(row.text.procore, row.text.fourhse)


def _listed(lens: Callable[[str, Spot, WordList], Lens]) -> Callable[[Row], Lens]:
    """A lens that reads a text by a word list."""
    return lambda row: lens(row.text.procore, row.spot, row.list)


def _text(row: Row, *, html: bool = False) -> Lens:
    if row.is_custom or row.text.line or row.site or row.text.procore in _TREATMENT:
        set_by_procore = row.text.procore in READ_ONLY["procore"]
        return ShownLens(row.text.procore, row.spot, is_one_line=False, is_set_by_procore=set_by_procore, site=row.site)
    return TextLens(row.text.procore, row.text.fourhse, labels=row.labels, site_labels=row.site_labels, html=html)


def _summary(row: Row) -> Lens:
    if row.text.procore == "actions":
        return ActionsLens(row.spot, with_observations=True)
    return RecordsLens(row.text.procore, row.spot)


def _tied(row: Row) -> Lens:
    return OfficeLens(row.text.procore, Spot(row.text.fourhse), site=row.site)


def _typed(form: typed.Form) -> Callable[[Row], Lens]:
    return lambda row: TypedLens(row.text.procore, row.spot, form, row.site)


def _named(row: Row) -> Lens:
    return ShownLens(row.text.procore, row.spot, is_set_by_procore=True)


def _list_entry(row: Row) -> Lens:
    return EntryLens(row.text.procore, row.spot, picker=NAME_LISTS[row.text.procore])


def _entry(row: Row) -> Lens:
    if row.is_custom:
        return CustomWordLens(row.text.procore, row.spot, row.list)
    return WordLens(row.text.procore, row.spot, row.list, PICKERS.get(row.text.procore))


def _count(row: Row) -> Lens:
    if row.is_custom:
        return DecimalLens(row.text.procore, row.spot)
    is_days = row.text.fourhse == "days"
    return NumberLens(row.text.procore, row.text.fourhse) if is_days else _typed(COUNT)(row)


_TEXTS = _fields("description_actions_involved", "deponent", "code", "external_reference_id")
"""4HSE's texts about an incident, but for the description, whose head may be the end of a title."""
_NAMED = _fields("contributing_behavior", "contributing_condition", "hazard", "location")
_PERSON_NAMED = _fields("affected_company", "harm_source", "work_activity")
_NO_MARKUP = "bold, links and other markup do not cross; a text written over HTML becomes one plain paragraph"
_FIRST_WORD = "of several words that mean the same, the first one is written"
_SEVERAL_WORDS = _may_stand_on_a_line(
    Using(
        "several words",
        "Any number of entries of a custom field's list, `;` between two in 4HSE.",
        _listed(CustomWordsLens),
        _fields(CUSTOM),
        _TEXTS,
        lost=f"their order; {_FIRST_WORD}",
        takes_words=True,
    )
)
_NAME = _may_stand_on_a_line(
    Using(
        "name",
        "The name of what Procore shows as an object, such as a location, as one line of text.",
        _named,
        _NAMED | {CUSTOM},
        _TEXTS,
        lost="Procore takes an object by its id alone: an edit in 4HSE stays there",
        ways=(Direction.TO_FOURHSE,),
    )
)
_ENTRY = _may_stand_on_a_line(
    Using(
        "entry",
        "An entry of one of Procore's own lists, by its name; a name that the list lacks is asked about, never made.",
        _list_entry,
        _NAMED,
        _TEXTS,
        lost="capital letters",
    )
)
_YES_OR_NO = _may_stand_on_a_line(
    Using(
        "yes or no",
        "A yes or no of Procore's, of which none and no are the same.",
        _typed(YES_OR_NO),
        _fields("recordable", "private"),
        _TEXTS,
        lost="none and no cannot be told apart",
    )
)
_SERVER_TEXT = _may_stand_on_a_line(
    Using(
        "server text",
        "What one system sets itself, such as a number: carried into an empty field of what came from there.",
        lambda row: ShownLens(row.text.procore, row.spot, is_set_by_procore=not row.is_custom),
        _fields("number", "created_by", CUSTOM),
        _TEXTS | {"creator"},
        lost="what stands there already stays, and an edit of it goes nowhere",
        ways=(Direction.TO_FOURHSE, Direction.TO_PROCORE),
        fills_only=True,
    )
)
_USING = (
    Using(
        "title",
        "The headline, one line of plain text; what 4HSE cuts at 255 characters leads the description there.",
        _between(TitleLens),
        _fields("title"),
        _fields("name"),
        key="title",
        is_required=True,
    ),
    Using(
        "text",
        "Text of any length, plain or HTML; HTML stays HTML where it stands.",
        _text,
        _fields("description", "number", CUSTOM),
        _TEXTS | {"description_event", "date_closed"},
        lost=_NO_MARKUP,
        on_lines=_fields("number", CUSTOM),
        on_site_lines=_TEXTS | {"date_closed"},
        not_duplicates=frozenset({(CUSTOM, "description_event")}),
    ),
    Using(
        "local day",
        "The day in the Procore project's own time zone; a new Procore incident has no known time of day.",
        _between(DayLens),
        _fields("event_date"),
        _fields("date_incident"),
        lost="the time of day does not cross; in Procore it stays as it is when the day changes",
        key="day",
        is_required=True,
    ),
    Using(
        "status",
        "Open or closed; closing in 4HSE sets the day of closing, opening again clears it.",
        # The file's pattern lets only digits through, so `int` cannot fail.
        lambda row: StatusLens(
            row.text.procore, row.text.fourhse, custom={word: int(status_id) for word, status_id in row.words}
        ),
        _fields("status"),
        _fields("status"),
        lost="4HSE's new counts as open; the day of closing does not cross to Procore",
        key="status",
        is_required=True,
        may_take_words=True,
    ),
    Using(
        "category from records",
        "4HSE's category, told from what Procore records; a word not shared stays in 4HSE.",
        lambda row: CategoryLens(
            row.text.procore, row.text.fourhse, row.words, f"words/{row.text.words or 'category'}.yaml"
        ),
        _fields("records"),
        _fields("category"),
        lost="Procore has no category: a word of 4HSE never changes Procore's records",
        key="category",
        takes_words=True,
        never_writes="procore",
    ),
    _SERVER_TEXT,
    _NAME,
    Using(
        "actions summary",
        "What an incident led to in Procore, as a text: a line for each action, with its type and description.",
        lambda row: ActionsLens(row.spot),
        _fields("actions"),
        _fields("description_actions_involved"),
        lost="Procore's actions are never changed: an edit in 4HSE stays there",
        ways=(Direction.TO_FOURHSE,),
    ),
    _may_stand_on_a_line(
        Using(
            "records summary",
            "What Procore records and names nobody: how many of a kind, and what they tell, as one line.",
            _summary,
            _fields(*RECORD_FIELDS.values(), STATEMENTS, "actions"),
            _TEXTS,
            lost="Procore's records are never changed: an edit in 4HSE stays there",
            ways=(Direction.TO_FOURHSE,),
        )
    ),
    Using(
        "office summary",
        "What a 4HSE incident is tied to, as one line: resources of all kinds, or what its actions require.",
        _tied,
        _fields("description", CUSTOM),
        _fields(*LISTS.values()),
        lost="4HSE's lists are never changed: an edit in Procore stays there",
        ways=(Direction.TO_PROCORE,),
        on_site_lines=_fields(*LISTS.values()),
    ),
    _may_stand_on_a_line(
        Using(
            "number",
            "A number of a custom field, and its digits in a text of 4HSE.",
            lambda row: DecimalLens(row.text.procore, row.spot),
            _fields(CUSTOM),
            _TEXTS,
            lost="zeros at the end of a fraction",
        )
    ),
    _YES_OR_NO,
    _ENTRY,
    _may_stand_on_a_line(
        Using(
            "words",
            "One entry of a custom field's list, or its yes and no, by a list in two columns.",
            _entry,
            _fields(CUSTOM),
            _TEXTS,
            lost=_FIRST_WORD,
            takes_words=True,
        )
    ),
    _SEVERAL_WORDS,
)

_PERSON_TEXTS = _fields("description", "code")
_OTHER_DAYS = ("work_days_restricted", "work_days_transferred")
_TREATMENT = ("treatment_facility", "treatment_facility_address", "treatment_provider")
_PERSON_USING = (
    Using(
        "person",
        "Who it is: found by the rules under `recognised by`, or named under `partners` or in the inbox.",
        lambda row: PersonLens(),
        _fields("affected_party"),
        _fields("person_office_id"),
        key="person",
        is_required=True,
    ),
    Using(
        "number",
        "A whole number of days, of which none and 0 are the same; or the number of a custom field.",
        _count,
        _fields("work_days_absent", *_OTHER_DAYS, CUSTOM),
        _PERSON_TEXTS | {"days"},
        lost="none and 0 cannot be told apart",
        key="days",
        on_lines=_fields(CUSTOM, *_OTHER_DAYS),
        not_duplicates=frozenset(
            {("work_days_absent", "description"), ("work_days_absent", "code")}
            | {(name, "days") for name in (CUSTOM, *_OTHER_DAYS)}
        ),
    ),
    _may_stand_on_a_line(
        Using(
            "day",
            "A day that Procore knows of an injury, in a text of 4HSE.",
            _typed(DAY),
            _fields("date_of_death", "date_returned_to_work"),
            _PERSON_TEXTS,
            lost="Procore takes a day of return with a new injury alone, and a day of death never",
        )
    ),
    replace(
        _YES_OR_NO,
        procore=_fields("hospitalized_overnight", "recordable", "treated_in_er"),
        fourhse=_PERSON_TEXTS,
        on_lines=_fields("hospitalized_overnight", "recordable", "treated_in_er"),
    ),
    Using(
        "text",
        "What is told about this person; the named lines above it belong to other rows.",
        lambda row: _text(row, html=True),
        _fields("description", *_TREATMENT, CUSTOM),
        _PERSON_TEXTS,
        lost=_NO_MARKUP,
        on_lines=_fields(*_TREATMENT, CUSTOM),
    ),
    replace(
        _SERVER_TEXT,
        procore=_fields("number", "full_number"),
        fourhse=_PERSON_TEXTS,
        ways=(Direction.TO_FOURHSE,),
        on_lines=_fields("number", "full_number"),
    ),
    replace(_NAME, procore=_PERSON_NAMED | {CUSTOM}, fourhse=_PERSON_TEXTS, on_lines=_PERSON_NAMED | {CUSTOM}),
    replace(_ENTRY, procore=_PERSON_NAMED, fourhse=_PERSON_TEXTS, on_lines=_PERSON_NAMED),
    _may_stand_on_a_line(
        Using(
            "words",
            "One word of a list in two columns; a word that the list does not hold waits for a person.",
            _entry,
            _fields(*PICKERS, "body_diagram_type", "filing_type", CUSTOM),
            _PERSON_TEXTS,
            lost=_FIRST_WORD,
            takes_words=True,
        )
    ),
    _may_stand_on_a_line(
        Using(
            "body parts",
            "Body parts with their sides, any number of them, `;` between two; Procore needs an affliction type too.",
            _listed(PartsLens),
            _fields("affected_body_parts"),
            _PERSON_TEXTS,
            lost=f"their order; {_FIRST_WORD}",
            takes_words=True,
        )
    ),
    replace(_SEVERAL_WORDS, fourhse=_PERSON_TEXTS),
)
_EQUIPMENT_USING = (
    Using(
        "equipment",
        "The piece of equipment that a record names, found by the rules under `recognised by`.",
        lambda row: EquipmentLens(),
        _fields("managed_equipment"),
        _fields("entity_id"),
        key="equipment",
        is_required=True,
    ),
)


def _by_word(using: tuple[Using, ...], kinds: tuple[Kind, ...]) -> dict[str, Using]:
    """The words of one kind of file, whose rows are fields of these records."""
    return {each.word: replace(each, kinds=kinds) for each in using}


@dataclass(frozen=True)
class Form:
    """A kind of file that holds rows: what they may say, and which fields both systems have."""

    file: str
    record: str
    using: Mapping[str, Using]
    vendor_fields: Mapping[str, frozenset[str]]
    adapter: TypeAdapter[Any]
    top: type[BaseModel]
    row: type[BaseModel]
    read_only: Mapping[str, frozenset[str]] = field(
        default_factory=lambda: {"procore": frozenset(), "4hse": frozenset()}
    )

    def served(self, column: str) -> frozenset[str]:
        return frozenset[str]().union(*(using.serves(column) for using in self.using.values()))


INCIDENT_FORM = Form(
    file="incident.yaml",
    record="incident",
    using=_by_word(_USING, (Kind.INCIDENT,)),
    vendor_fields=INCIDENT_FIELDS,
    adapter=MAPPING_TEXT,
    top=MappingText,
    row=RowText,
    read_only=READ_ONLY,
)
PEOPLE_FORM = Form(
    file="people.yaml",
    record="person",
    using=_by_word(_PERSON_USING, PEOPLE_RECORDS),
    vendor_fields=PERSON_FIELDS,
    adapter=PEOPLE_TEXT,
    top=PeopleText,
    row=PersonRowText,
    read_only=PERSON_READ_ONLY,
)
EQUIPMENT_FORM = Form(
    file="equipment.yaml",
    record="equipment",
    using=_by_word(_EQUIPMENT_USING, (Kind.EQUIPMENT,)),
    vendor_fields=EQUIPMENT_FIELDS,
    adapter=EQUIPMENT_TEXT,
    top=EquipmentText,
    row=EquipmentRowText,
)
FORMS = (INCIDENT_FORM, PEOPLE_FORM, EQUIPMENT_FORM)
USING = INCIDENT_FORM.using
"""Every word that `using:` may hold in incident.yaml."""

if __name__ == "__main__":
    sys.stdout.write(json_schema_text())
