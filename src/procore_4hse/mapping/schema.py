"""The form of a mapping folder, and the documented words of `using:`. The JSON Schema for editors comes from here."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, WithJsonSchema

from procore_4hse.mapping.lenses import CategoryLens, DayLens, Lens, StatusLens, TextLens, TitleLens
from procore_4hse.mapping.rules import Direction, OnConflict

VERSION = "1"
LIST_NAME = "[a-z0-9_]+"
"""A word list's name: a file of the folder words, without its ending."""

KNOWN_FIELDS = {
    "procore": frozenset(
        {
            "contributing_behavior_id",
            "contributing_condition_id",
            "created_at",
            "created_by",
            "custom_status_id",
            "description",
            "event_date",
            "hazard_id",
            "id",
            "location_id",
            "number",
            "private",
            "recordable",
            "records",
            "records_count",
            "status",
            "time_unknown",
            "title",
            "type_id",
            "updated_at",
        }
    ),
    "4hse": frozenset(
        {
            "category",
            "code",
            "created_at",
            "creator",
            "date_closed",
            "date_incident",
            "deponent",
            "description_actions_involved",
            "description_event",
            "external_reference_id",
            "name",
            "office_incident_id",
            "office_name",
            "permission",
            "project_name",
            "project_type",
            "status",
            "subtenant_id",
            "tenant_id",
            "totInvolvedPerson",
            "totSicknessDays",
        }
    ),
}
"""An incident's own and joined fields, by column (P60-72, H4); `records` stands for Procore's four record lists."""
NEVER_WRITTEN = {
    "procore": frozenset({"distribution_member_ids", "assignee_ids"}),
    "4hse": frozenset({"manager", "assignee", "watcher", "to"}),
}
"""They send mail to people, or nobody documents their form (P70, P73, H4)."""
READ_ONLY = {"procore": frozenset({"number"}), "4hse": frozenset[str]()}
"""Set by the vendor alone; a row may carry them away from there."""


class FourhseCategory(StrEnum):
    """The nine words that 4HSE documents (H4)."""

    NON_COMPLIANCE = "NON_COMPLIANCE"
    ACCIDENTS = "ACCIDENTS"
    ACCIDENTS_AND_MISSED_INJURIES = "ACCIDENTS_AND_MISSED_INJURIES"
    REPORT_MALFUNCTION = "REPORT_MALFUNCTION"
    REPORT_FAILURE = "REPORT_FAILURE"
    REQUEST_INSPECTION = "REQUEST_INSPECTION"
    REQUEST_MAINTENANCE = "REQUEST_MAINTENANCE"
    REQUEST_REPLACEMENT = "REQUEST_REPLACEMENT"
    REQUEST_INTERVENTION = "REQUEST_INTERVENTION"


class Meaning(StrEnum):
    """What a category means for Procore."""

    INJURY = "injury"
    NO_INJURY = "no injury"
    NOT_SHARED = "not shared"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


Text = Annotated[str, Field(min_length=1)]
UsingWord = Literal["title", "text", "local day", "status", "category from records"]


class RowText(_Strict):
    """One row of incident.yaml as it is written."""

    field: Text = Field(description="The name that people read; free to choose.")
    procore: Text = Field(description="The field of a Procore incident.")
    fourhse: Text = Field(alias="4hse", description="The field of a 4HSE incident.")
    direction: Literal[Direction.BOTH, Direction.TO_FOURHSE, Direction.TO_PROCORE] = Field(
        description="The way the value travels."
    )
    if_both_changed: OnConflict = Field(
        default=OnConflict.ASK,
        alias="if both changed",
        description="Who decides when both sides changed it since they last agreed.",
    )
    using: UsingWord = Field(description="How one form becomes the other; docs/mapping.md explains each word.")
    words: Annotated[str, Field(pattern=f"^{LIST_NAME}$")] | None = Field(
        default=None, description="The word list: a file of this name in the folder words."
    )
    reason: Text | None = Field(default=None, description="Why the row is as it is.")
    owner: Text | None = Field(default=None, description="Who answers for this row, when it is not the file's owner.")


class MappingText(_Strict):
    """incident.yaml as it is written."""

    version: Annotated[str, WithJsonSchema({"const": int(VERSION)})] = Field(description="The form of the file.")
    owner: Text = Field(description="Who answers for this mapping.")
    fields: Annotated[list[RowText], Field(min_length=1)]


class WordText(_Strict):
    """One line of a word list as it is written."""

    fourhse: FourhseCategory = Field(alias="4hse", description="The word in 4HSE.")
    procore: Meaning = Field(description="What it means for Procore.")


WordListText = Annotated[list[WordText], Field(min_length=1)]
MAPPING_TEXT: TypeAdapter[MappingText] = TypeAdapter(MappingText)
WORD_LIST_TEXT: TypeAdapter[list[WordText]] = TypeAdapter(WordListText)


def json_schema_text() -> str:
    """The JSON Schema of both kinds of file, as mappings/mapping.schema.json holds it."""
    both: TypeAdapter[Any] = TypeAdapter(MappingText | WordListText)
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A file of a mapping folder: incident.yaml, or a word list",
        **both.json_schema(by_alias=True),
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


class Keeps(StrEnum):
    """What a value loses on its way."""

    EXACT = "exact"
    LOSSY = "lossy"
    ONE_WAY = "one-way"


Words = Mapping[str, str]
"""A word list: 4HSE word -> meaning, in the order of the file."""


@dataclass(frozen=True)
class Using:
    """A word of `using:`: the fields it serves on both sides and the lens it stands for."""

    word: str
    means: str
    keeps: Keeps
    lost: str
    """What is lost, or why it goes one way; empty when nothing is."""
    procore: frozenset[str]
    fourhse: frozenset[str]
    build: Callable[[RowText, Words], Lens]
    key: str | None = None
    """The stable name of the one field it serves; None: the field's name in Procore."""
    is_required: bool = False
    takes_words: bool = False
    never_writes: str | None = None
    """The side, `procore` or `4hse`, that it leaves alone whatever the direction says."""

    def serves(self, column: str) -> frozenset[str]:
        return self.procore if column == "procore" else self.fourhse


_USING = (
    Using(
        word="title",
        means="The headline, one line of plain text; what 4HSE cuts at 255 characters leads the description there.",
        keeps=Keeps.EXACT,
        lost="",
        procore=frozenset({"title"}),
        fourhse=frozenset({"name"}),
        build=lambda row, words: TitleLens(row.procore, row.fourhse),
        key="title",
        is_required=True,
    ),
    Using(
        word="text",
        means="Text of any length, plain or HTML; HTML stays HTML where it stands.",
        keeps=Keeps.LOSSY,
        lost="bold, links and other markup do not cross; a text written over HTML becomes one plain paragraph",
        procore=frozenset({"description", "number"}),
        fourhse=frozenset(
            {"description_event", "description_actions_involved", "deponent", "code", "external_reference_id"}
        ),
        build=lambda row, words: TextLens(row.procore, row.fourhse),
    ),
    Using(
        word="local day",
        means="The day in the Procore project's own time zone; a new Procore incident has no known time of day.",
        keeps=Keeps.LOSSY,
        lost="the time of day does not cross; in Procore it stays as it is when the day changes",
        procore=frozenset({"event_date"}),
        fourhse=frozenset({"date_incident"}),
        build=lambda row, words: DayLens(row.procore, row.fourhse),
        key="day",
        is_required=True,
    ),
    Using(
        word="status",
        means="Open or closed; closing in 4HSE sets the day of closing, opening again clears it.",
        keeps=Keeps.LOSSY,
        lost="4HSE's new counts as open; the day of closing does not cross to Procore",
        procore=frozenset({"status"}),
        fourhse=frozenset({"status"}),
        build=lambda row, words: StatusLens(row.procore, row.fourhse),
        key="status",
        is_required=True,
    ),
    Using(
        word="category from records",
        means="4HSE's category, told from the injuries that Procore records; a word not shared stays in 4HSE.",
        keeps=Keeps.ONE_WAY,
        lost="Procore has no category: a word of 4HSE never changes Procore's records",
        procore=frozenset({"records"}),
        fourhse=frozenset({"category"}),
        build=lambda row, words: CategoryLens(row.procore, row.fourhse, words),
        key="category",
        takes_words=True,
        never_writes="procore",
    ),
)
USING: Mapping[str, Using] = {using.word: using for using in _USING}
"""Every word that `using:` may hold."""

if __name__ == "__main__":
    sys.stdout.write(json_schema_text())
