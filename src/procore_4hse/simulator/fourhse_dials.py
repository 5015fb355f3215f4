"""The facts about 4HSE that no document settles: each a dial, its default the likeliest answer."""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from typing import Literal, TypeVar

from procore_4hse.simulator.kept_text import OTHERS, KeptText

Answer = TypeVar("Answer")


def _dial(likeliest: Answer, *others: Answer) -> Answer:
    return field(default=likeliest, metadata={"others": others})


@dataclass(frozen=True)
class FourHseDials:
    client_id_kept: bool = _dial(True, False)
    """False: the server gives every new row an id of its own."""
    repeated_id: Literal["422", "500", "overwrite"] = _dial("422", "500", "overwrite")
    """What a second create with the same id does."""
    put_is: Literal["partial", "full", "blanking"] = _dial("partial", "full", "blanking")
    """full: what the body leaves out becomes null, and a required field left out is a 422; blanking: what may be
    null becomes null, the rest stays."""
    null_clears: bool = _dial(True, False)
    office_move: Literal["allowed", "ignored", "422"] = _dial("allowed", "ignored", "422")
    """What an update with another subtenant_id or tenant_id does."""

    created_default_status: Literal["new", "open"] = _dial("new", "open")
    closed_on_create_allowed: bool = _dial(True, False)
    closing_jump_allowed: bool = _dial(True, False)
    """False: new -> closed is a 422; the way is new, open, closed."""
    closing_needs_date: Literal["in request", "on row"] = _dial("in request", "on row")
    """Whether a date_closed that the row already holds is enough to close it again."""
    reopening_clears_date_closed: bool = _dial(False, True)
    category_required: bool = _dial(False, True)
    foreign_category_on_old_rows: Literal["kept", "422"] = _dial("kept", "422")
    """422: an update that leaves a category outside the list in place is refused, whatever it changes."""

    trims_text: bool = _dial(False, True)
    wraps_description_in_html: bool = _dial(False, True)
    title_max: int | None = _dial(255, None)
    title_too_long: Literal["422", "cut"] = _dial("422", "cut")
    text_kept: KeptText = _dial("whole", *OTHERS)  # noqa: RUF009
    """What is kept of any text; what must not be blank is never emptied."""
    created_at_form: Literal["iso", "unix", "italian"] = _dial("iso", "unix", "italian")
    json_text_decoded: bool = _dial(False, True)
    """True: manager, assignee and watcher are read as values, not as text that holds JSON."""
    flags_are_numbers: bool = _dial(False, True)
    permission_in_rows: bool = _dial(True, False)

    duplicate_person_refused: bool = _dial(False, True)
    other_office_person_refused: bool = _dial(True, False)
    historicized_person_refused: bool = _dial(False, True)

    success_status_create: Literal[201, 200] = _dial(201, 200)
    success_status_delete: Literal[204, 200] = _dial(204, 200)
    delete_preview_status: Literal[400, 200] = _dial(400, 200)
    force_false_deletes_childless: bool = _dial(True, False)

    page_cap: int = _dial(100, 50, 1000)
    """The most rows that a page holds."""
    larger_page: Literal["cut", "stated as asked", "422"] = _dial("cut", "stated as asked", "422")
    """What a larger per-page does. Cut without a word, the answer states what the page holds, or what was asked for."""
    unknown_filter: Literal["ignored", "422"] = _dial("ignored", "422")
    unknown_sort: Literal["ignored", "422"] = _dial("ignored", "422")
    code_filter: Literal["exact", "partial"] = _dial("exact", "partial")
    history_accepted: bool = _dial(True, False)
    """False: `history` in an index of incidents, their people, resources or actions is a 422."""
    history_shows_hidden_incidents: bool = _dial(True, False)
    historicized_office_hides_incidents: bool = _dial(True, False)
    suspended_index: Literal["empty", "403"] = _dial("empty", "403")
    """What an index that names a suspended project, or an office of it, answers."""
    forbidden_view_status: Literal[403, 404] = _dial(403, 404)
    """What a single row answers when the caller's role no longer shows it."""

    error_form: Literal["yii", "http"] = _dial("yii", "http")
    """yii: a 422 is a list of field and message; http: one object of name, message, code, status."""
    rate_headers_sent: bool = _dial(False, True)
    """Whether answers other than 429 carry X-Rate-Limit-*."""
    token_lifetime: int = _dial(300, 86400)
    refresh_lifetime: int = _dial(1800)
    refresh_token_rotates: bool = _dial(True, False)
    """True: a refresh token works once, and the answer brings the next one."""
    bad_password_status: Literal[400, 401] = _dial(400, 401)

    def alternatives(self) -> Iterator["FourHseDials"]:
        """This set with one dial turned, once for every answer that is not the likeliest."""
        for dial in fields(self):
            for other in dial.metadata["others"]:
                yield replace(self, **{dial.name: other})
