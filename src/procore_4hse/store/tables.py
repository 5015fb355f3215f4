"""The staging store's tables. Every route is named by its project and office, never by its name in the settings."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, Column, Dialect, Index, Table, UniqueConstraint, false, text
from sqlalchemy.types import DateTime, TypeDecorator
from sqlmodel import Field, SQLModel


class Instant(TypeDecorator[datetime]):
    """A UTC instant, the same on SQLite (which forgets zones) and PostgreSQL."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _json() -> Any:
    return Column(JSON, nullable=False)


def _some(name: str, *columns: str, where: str) -> Index:
    """An index of a table's few rows that are asked for all the time; a query must name the same condition.

    What PostgreSQL is told stands in the migration alone: here it would load that dialect for every command.
    """
    return Index(name, *columns, sqlite_where=text(where))


class RouteRow(SQLModel, table=True):
    """What a route remembers between cycles."""

    __tablename__ = "route"
    key: str = Field(primary_key=True)
    name: str
    scope: str | None = None
    zone: str | None = None
    mapping: str | None = None
    ever_linked: bool = False
    meeting_approved: bool = False
    cursor_at: datetime | None = Field(default=None, sa_type=Instant)
    swept_at: datetime | None = Field(default=None, sa_type=Instant)
    incidents: int = 0
    """How many incidents the last complete Procore listing held."""
    pulls: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    """How many pulls began, which gives each its number."""
    memory: dict[str, Any] = Field(default_factory=dict, sa_column=_json())
    """Small facts learnt about the vendors: own accounts, how PUT behaves, whether client ids are kept."""


class LeaseRow(SQLModel, table=True):
    __tablename__ = "lease"
    route: str = Field(primary_key=True)
    token: int
    holder: str
    expires_at: datetime = Field(sa_type=Instant)
    seconds: float | None = None
    """How long it was taken for; a lease that expires later than that was written by a clock that ran ahead."""


class ScheduleRow(SQLModel, table=True):
    """When a route's next cycle is due, and why."""

    __tablename__ = "schedule"
    route: str = Field(primary_key=True)
    due_at: datetime = Field(sa_type=Instant)
    set_at: datetime = Field(sa_type=Instant)
    """When that was written down; one that lies ahead was written by a clock that ran ahead."""
    reason: str
    """first | cadence | retry | hint | person"""
    every_seconds: float | None = None
    """The `schedule.every` under which it was set; None where that had no part in it."""
    wakes: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    """How often something woke the route; a cycle during which it grew is followed by another one."""
    active_at: datetime | None = Field(default=None, sa_type=Instant)
    """When a cycle of it wrote something last."""
    account: str = Field(default="", sa_column_kwargs={"server_default": ""})
    """The credential that its calls are counted on, as a digest."""
    procore_calls: float | None = None
    """Of one cycle, on average."""
    fourhse_calls: float | None = None
    paused_at: datetime | None = Field(default=None, sa_type=Instant)
    """When a person paused it; None: it is not paused."""
    paused_seconds: float | None = None
    """For how long; None: until somebody resumes it."""
    note: str = Field(default="", sa_column_kwargs={"server_default": ""})
    """Why it is paused."""


class BudgetRow(SQLModel, table=True):
    """The calls that a vendor allows one credential in one window, as all its processes know them."""

    __tablename__ = "call_budget"
    account: str = Field(primary_key=True)
    """A digest of the credential."""
    calls: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    """The window's limit, by which the vendor tells which one it means; 0: nothing is allowed until it ends."""
    remaining: int
    resets_at: datetime = Field(sa_type=Instant)
    seconds: float
    """The length of the window; one that ends later than that from now was told by a clock that ran ahead."""


class RecordRow(SQLModel, table=True):
    """A raw record of either side, as its vendor sent it last."""

    __tablename__ = "raw_record"
    __table_args__ = (
        Index("ix_raw_record_parent", "route", "side", "parent_id"),
        _some("ix_raw_record_absent", "route", where="absent = 1"),
    )
    route: str = Field(primary_key=True)
    side: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    parent_id: str | None = None
    payload: dict[str, Any] = Field(sa_column=_json())
    digest: str
    minimal: bool = False
    pull: int
    """The number of the pull that brought it as it is; one that sees it unchanged leaves it alone."""
    absent: bool = False
    """A certified listing did not hold it."""
    absent_at: datetime | None = Field(default=None, sa_type=Instant)
    """When that was noticed first; None while it is listed."""
    status_at: str | None = None
    newest_at: str | None = None
    """The latest change date that the vendor ever showed for it."""
    fetched_at: datetime = Field(sa_type=Instant)
    """When it was last new or changed in what is its own."""


class LinkRow(SQLModel, table=True):
    __tablename__ = "link"
    __table_args__ = (
        # The id first: other routes' links of a record are asked for too.
        Index("ix_link_procore", "procore_id", "route"),
        Index("ix_link_fourhse", "fourhse_id", "route"),
        Index("ix_link_parent", "route", "parent"),
        _some("ix_link_removed", "route", where="removed = 1"),
        _some("ix_link_born_private", "route", where="born_private = 1"),
    )
    id: int | None = Field(default=None, primary_key=True)
    route: str
    kind: str
    procore_id: str
    fourhse_id: str
    state: str
    base: dict[str, Any] = Field(sa_column=_json())
    parent: str | None = None
    """A child's incident: its Procore id."""
    generation: int = 0
    born: str | None = None
    born_private: bool = False
    removed: bool = False
    """Taken apart by a person: the two stay strangers until someone answers."""
    since: datetime = Field(sa_type=Instant)
    fingerprint: str | None = None
    """Of all that both systems showed of it when a cycle last found nothing to do; None once anything of it moved."""


class ApartRow(SQLModel, table=True):
    """Two records that a person called different."""

    __tablename__ = "apart"
    route: str = Field(primary_key=True)
    procore_id: str = Field(primary_key=True)
    fourhse_id: str = Field(primary_key=True)


class JournalRow(SQLModel, table=True):
    """Append-only: the intent before a remote write, its outcome after it."""

    __tablename__ = "journal"
    __table_args__ = (
        Index("ix_journal_outcome", "route", "outcome", "made_at"),
        Index("ix_journal_source", "source_id", "route"),
        Index("ix_journal_target", "target_id", "route"),
        _some("ix_journal_recent", "route", "cycle", where="purged_at IS NULL"),
    )
    id: str = Field(primary_key=True)
    """UUID; also the Idempotency-Token of the call."""
    route: str
    cycle: int
    act: str
    side: str
    kind: str
    target_id: str | None = None
    source_id: str | None = None
    reason: str
    action: dict[str, Any] = Field(sa_column=_json())
    fields: dict[str, Any] = Field(sa_column=_json())
    before: dict[str, Any] = Field(default_factory=dict, sa_column=_json())
    """The target's own values right before the call."""
    server_at: datetime | None = Field(default=None, sa_type=Instant)
    """The vendor's own clock when the intent was written."""
    made_at: datetime = Field(sa_type=Instant)
    outcome: str = "open"
    """open | done | adopted | refused | abandoned | lost"""
    answer: dict[str, Any] = Field(default_factory=dict, sa_column=_json())
    words: str = ""
    ended_at: datetime | None = Field(default=None, sa_type=Instant)
    looks: int = 0
    """How often a lost create was looked for."""
    looked_at: datetime | None = Field(default=None, sa_type=Instant)
    purged_at: datetime | None = Field(default=None, sa_type=Instant)
    """When its values were removed; that it happened stays."""


class InboxRow(SQLModel, table=True):
    __tablename__ = "inbox"
    __table_args__ = (Index("ix_inbox_key", "route", "state", "key"),)
    id: int | None = Field(default=None, primary_key=True)
    route: str
    kind: str
    key: str
    state: str = "open"
    """open | answered | closed"""
    item: dict[str, Any] = Field(sa_column=_json())
    facts: dict[str, Any] = Field(sa_column=_json())
    answer: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON, nullable=True))
    since: datetime = Field(sa_type=Instant)
    changed_at: datetime = Field(sa_type=Instant)
    purged_at: datetime | None = Field(default=None, sa_type=Instant)
    snoozed_until: datetime | None = Field(default=None, sa_type=Instant)
    """A person wants to see it again from then on; None: at once."""
    of_backfill: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    """A backfill asked it, so that other cycles may not know of its record."""


class DecisionRow(SQLModel, table=True):
    """Append-only: what a person answered to a question, and later what became of it."""

    __tablename__ = "decision"
    __table_args__ = (Index("ix_decision_key", "route", "key"),)
    id: int | None = Field(default=None, primary_key=True)
    route: str
    item_id: int
    key: str
    kind: str
    choice: dict[str, Any] = Field(sa_column=_json())
    """`verb`, `use`, `with_id`, `restore`."""
    note: str = ""
    who: str
    """The system's user, or the name that somebody signed in with; empty when an earlier version kept none."""
    channel: str
    """cli | web"""
    made_at: datetime = Field(sa_type=Instant)
    shown: str
    """The digest of what the question showed."""
    outcome: str
    """waiting | in_use | carried_out | void | taken_back | replaced | unknown"""
    words: str = ""
    """Why it is void."""
    write_id: str | None = None
    """The journal's write that carried it out; None when it took none, or more than one."""
    ended_at: datetime | None = Field(default=None, sa_type=Instant)
    ended_by: str = ""
    """Who took it back."""
    purged_at: datetime | None = Field(default=None, sa_type=Instant)
    """When its note and names were removed; that it was decided stays."""


class RefusalRow(SQLModel, table=True):
    __tablename__ = "refusal"
    route: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    side: str
    words: str
    fingerprint: str
    tries: int
    next_try: datetime = Field(sa_type=Instant)


class TombstoneRow(SQLModel, table=True):
    """The last image of what was deleted, with the evidence."""

    __tablename__ = "tombstone"
    __table_args__ = (Index("ix_tombstone_record", "route", "side", "kind", "record_id"),)
    id: int | None = Field(default=None, primary_key=True)
    route: str
    side: str
    kind: str
    record_id: str
    image: dict[str, Any] = Field(sa_column=_json())
    evidence: str
    seen_at: datetime = Field(sa_type=Instant)
    purged_at: datetime | None = Field(default=None, sa_type=Instant)
    """When the image was removed; the evidence stays."""


class CycleRow(SQLModel, table=True):
    """One run of one route."""

    __tablename__ = "cycle"
    __table_args__ = (Index("ix_cycle_latest", "route", "id"), Index("ix_cycle_outcome", "route", "outcome", "id"))
    id: int | None = Field(default=None, primary_key=True)
    route: str
    began_at: datetime = Field(sa_type=Instant)
    ended_at: datetime | None = Field(default=None, sa_type=Instant)
    outcome: str | None = None
    reason: str | None = None
    report: dict[str, Any] = Field(default_factory=dict, sa_column=_json())
    calls_procore: int | None = None
    """What the report tells too, where it can be added up without reading thousands of reports."""
    calls_fourhse: int | None = None
    used_procore: float | None = None
    """The share of the vendor's call budget that was used up when it ended, 0 to 1; None while none is known."""
    used_fourhse: float | None = None


class StandingRow(SQLModel, table=True):
    """How a route stands after its last cycle; what an earlier one proved stays until another one proves it anew."""

    __tablename__ = "standing"
    route: str = Field(primary_key=True)
    ended_at: datetime = Field(sa_type=Instant)
    outcome: str
    reason: str | None = None
    fault: str | None = None
    """What kind of failure it was, in the words of the report."""
    succeeded_at: datetime | None = Field(default=None, sa_type=Instant)
    agreed_at: datetime | None = Field(default=None, sa_type=Instant)
    """When both sides were last read whole, compared, and nothing went wrong."""
    counted_at: datetime | None = Field(default=None, sa_type=Instant)
    population: dict[str, Any] = Field(default_factory=dict, sa_column=_json())
    """How many incidents of each side stood where, when they were counted last."""


class TallyRow(SQLModel, table=True):
    """What has happened so far, counted: it never becomes less, whatever is purged."""

    __tablename__ = "tally"
    route: str = Field(primary_key=True)
    """Empty for what belongs to no route."""
    name: str = Field(primary_key=True)
    of: str = Field(primary_key=True)
    """What was counted, as words with a stroke between them."""
    value: float


class AlertRow(SQLModel, table=True):
    """What people were told about, so that they are told once, by whichever process, and once more when it is over."""

    __tablename__ = "alert"
    cause: str = Field(primary_key=True)
    since: datetime = Field(sa_type=Instant)
    told: list[Any] = Field(default_factory=list, sa_column=_json())
    """The routes whose people know of it."""
    newest: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    """Of questions: the highest number that was told."""


class SliceRow(SQLModel, table=True):
    """A day of a backfill that is done."""

    __tablename__ = "backfill_slice"
    __table_args__ = (UniqueConstraint("route", "backfill", "day"),)
    id: int | None = Field(default=None, primary_key=True)
    route: str
    backfill: str
    day: str
    done_at: datetime = Field(sa_type=Instant)


class DeskSessionRow(SQLModel, table=True):
    """Somebody who signed in to the desk. Keys are kept as keyed hashes, so nobody signs in with what stands here."""

    __tablename__ = "desk_session"
    __table_args__ = (UniqueConstraint("link"),)
    key: str = Field(primary_key=True)
    link: str | None = None
    """The link that it was opened with, which opens no second one."""
    who: str
    grants: list[Any] = Field(default_factory=list, sa_column=_json())
    made_at: datetime = Field(sa_type=Instant)
    expires_at: datetime = Field(sa_type=Instant)
    ended_at: datetime | None = Field(default=None, sa_type=Instant)


class DeskViewRow(SQLModel, table=True):
    """Append-only: who opened which record with health data at the desk."""

    __tablename__ = "desk_view"
    __table_args__ = (Index("ix_desk_view_route", "route", "at"),)
    id: int | None = Field(default=None, primary_key=True)
    route: str
    at: datetime = Field(sa_type=Instant)
    who: str
    what: str
    """incident | question"""
    record_id: str


class HookTokenRow(SQLModel, table=True):
    """What one of Procore's hooks proves with that it is ours: a keyed hash, so nobody sends what stands here."""

    __tablename__ = "hook_token"
    hash: str = Field(primary_key=True)
    key: str
    """A digest of the key that it was hashed with."""
    project: str = Field(index=True)
    hook: str | None = None
    """Procore's id of the hook; None until Procore has told it."""
    made_at: datetime = Field(sa_type=Instant)
    ended_at: datetime | None = Field(default=None, sa_type=Instant)
    """When another one took its place; it counts for a while longer."""


class HookEventRow(SQLModel, table=True):
    """An event that came already; one that comes again is known by it."""

    __tablename__ = "hook_event"
    project: str = Field(primary_key=True)
    event: str = Field(primary_key=True)
    at: datetime = Field(sa_type=Instant, index=True)


class AccountFactRow(SQLModel, table=True):
    """What was learnt with one credential and holds for all its routes. Nothing of a record and of no person."""

    __tablename__ = "account_fact"
    account: str = Field(primary_key=True)
    """A digest of the credential."""
    name: str = Field(primary_key=True)
    value: Any = Field(sa_column=_json())


def _bare(row: Any) -> Table:
    table: Table = row.__table__
    return table


# What the store reads and writes goes straight to these: no session keeps a second copy of every row.
ROUTES, LEASES, SCHEDULE, CYCLES, SLICES = map(_bare, (RouteRow, LeaseRow, ScheduleRow, CycleRow, SliceRow))
RECORDS, LINKS, APART, STONES = map(_bare, (RecordRow, LinkRow, ApartRow, TombstoneRow))
BUDGETS, ACCOUNT_FACTS, STANDING = map(_bare, (BudgetRow, AccountFactRow, StandingRow))
TALLY, ALERTS = map(_bare, (TallyRow, AlertRow))
JOURNAL, REFUSALS, INBOX = map(_bare, (JournalRow, RefusalRow, InboxRow))
HOOK_TOKENS, HOOK_EVENTS = map(_bare, (HookTokenRow, HookEventRow))
DESK_SESSIONS, DESK_VIEWS, DECISIONS = map(_bare, (DeskSessionRow, DeskViewRow, DecisionRow))
