"""What nobody has said about Procore, as dials: each default is the likelier answer, each dial knows the others.

The numbers are those of the list of facts about the Procore API.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from typing import Any

from procore_4hse.simulator.kept_text import OTHERS, KeptText
from procore_4hse.simulator.procore_words import OTHER_FORMS, Form


def _dial(default: Any, *others: Any) -> Any:
    return field(default=default, metadata={"others": others})


@dataclass(frozen=True)
class ProcoreDials:
    child_edit_bumps_incident: bool = False
    """P49: a child created, edited, deleted or restored moves its incident's updated_at."""
    time_unknown_default_hides: bool = False
    """P42: a listing without filters[time_unknown] shows only incidents whose time is known."""
    idempotency_token_honoured: bool = False
    """P82: a repeated Idempotency-Token on a create answers 200 with the first record."""
    range_start_included: bool = True
    """P36."""
    range_end_included: bool = True
    """P36: also, a range that ends in a day includes that day."""
    range_days_are_local: bool = True
    """Days of a range are days of the project's zone, else UTC days: no document says which."""
    child_page_cap: int = _dial(1000, 100)
    """P31: the most rows per page of child lists, directory and pickers; more is cut silently."""
    recycled_get_answers: int = _dial(404, 200)
    """P57: the show of a recycled record: 404, or 200 with its deleted_at."""
    delete_bumps_updated_at: bool = True
    """P50."""
    restore_bumps_updated_at: bool = True
    """P50."""
    delete_hides_children_in_lists: bool = True
    """The child lists leave out the children of a recycled incident: no document says. P50 is about other places."""
    show_includes_recycled_children: bool = False
    """P50: the arrays of an incident's show keep its recycled children, with deleted_at."""
    null_clears: bool = True
    """P67: null in a PATCH clears a nullable field, else it leaves the field as it is."""
    one_patch_clears_both: bool = False
    """P87: one PATCH may clear the affliction type together with the body parts."""
    html_wraps_description: bool = False
    """An incident's description is stored as a paragraph of HTML, as P74 says of its children's alone."""
    trims_text: bool = False
    """Outer blanks of texts are cut: no document says."""
    text_kept: KeptText = _dial("whole", *OTHERS)  # noqa: RUF009
    """What is kept of any text, custom fields included: no document says."""
    rate_headers_sent: bool = True
    """P27."""
    retry_after_on_429: bool = True
    """P23."""
    error_form: str = _dial("map", "string", "nested")
    """P78: {"errors": {field: [words]}}, {"errors": words}, {"error": {code, message, details}}."""
    validation_status: int = _dial(422, 400)
    """P77 says 422; "name has already been taken" was seen with 400 (payloads 2.3)."""
    near_miss_create_validates: bool = True
    """P76: the create of a near miss takes run_configurable_validations, which its text names and its list of
    parameters lacks; else it leaves it aside."""
    created_by_null: bool = False
    """Every created_by is null: no document says that it always holds the account of P10."""
    tz_name_shown: bool = True
    """P63."""
    array_filter_needs_brackets: bool = True
    """P38: filters[id][]=1; else filters[id]=1,2 and filters[id]=[1,2] work too."""
    private_get_answers: int = _dial(404, 403)
    """P19: what one gets who may not see a private incident."""
    patch_unknown_fields: str = _dial("refuse", "ignore")
    """P77: a member that the contract does not name is refused, or left aside with 200."""
    undefined_custom_fields: str = _dial("ignore", "refuse")
    """A flat custom field whose definition the company does not have is left aside with 200, or refused: no document
    says which."""
    unknown_time_event_date: str = _dial("kept", "local midnight", "local noon", "UTC midnight")
    """What is stored as the event_date of a day of unknown time. P61 asks the client to send the local midnight, and
    many send midnight UTC (P127); whether the server makes one of the other, no document says."""
    people_who_left_listed: bool = True
    """P95 says of users that only active ones are listed; whether people who left stay in the list of people, no
    document says."""
    word_form: Form = _dial("tokens", *OTHER_FORMS)  # noqa: RUF009
    """P97: how the company's lists ship their names and keys."""
    fractional_seconds: bool = False
    """Time stamps end in .000Z, as in the reference's samples."""

    def alternatives(self) -> Iterator["ProcoreDials"]:
        """One set of dials for every answer that differs from this one, each in a single dial."""
        for dial in fields(self):
            now = getattr(self, dial.name)
            answers = (dial.default, *dial.metadata["others"]) if dial.metadata else (True, False)
            for other in answers:
                if other != now:
                    yield replace(self, **{dial.name: other})
