"""Procore's hooks as the store knows them: what each proves with that it is ours, and which events came already."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, delete, func, insert, or_, select, update
from sqlalchemy import bindparam as given

from procore_4hse.store.inserts import insert_new
from procore_4hse.store.tables import HOOK_EVENTS, HOOK_TOKENS

KEPT_FOR = timedelta(days=1)
"""How long a token counts after it was replaced: Procore repeats a delivery for twelve hours."""
EVENTS_KEPT_FOR = timedelta(days=3)
"""How long it is known that an event came."""

T, E = HOOK_TOKENS.c, HOOK_EVENTS.c
OF_PROJECT = T.project == given("of_project")
OF_HASH = T.hash == given("of_hash")
TOKENS = select(HOOK_TOKENS).where(OF_PROJECT).order_by(T.made_at.desc(), T.hash)
OLD = E.at < given("before", type_=E.at.type)
OLD_EVENT, FORGET_EVENTS = select(E.event).where(OLD).limit(1), delete(HOOK_EVENTS).where(OLD)
NEWEST_EVENT = select(func.max(E.at)).where(E.project == given("of_project"))


@dataclass(frozen=True)
class HookToken:
    """`key` names the key it was hashed with. `hook` is Procore's id, None until Procore has told it."""

    hash: str
    key: str
    hook: str | None
    is_current: bool


class Hooks:
    """Everything is by the Procore project, which has one hook of ours at most."""

    def __init__(self, connection: Connection, now: datetime) -> None:
        self.connection, self.now = connection, now

    # Tokens -------------------------------------------------------------------------------------------------------

    def project_of(self, hashed: str) -> str | None:
        """The project whose hook has this token, the present one or the one before it; None for any other."""
        # A moment that lies ahead was written by a clock that ran ahead, and would let it count so much longer.
        counts = or_(T.ended_at.is_(None), and_(T.ended_at <= self.now, T.ended_at > self.now - KEPT_FOR))
        return self.connection.execute(select(T.project).where(OF_HASH, counts), {"of_hash": hashed}).scalar()

    def tokens(self, project: str) -> list[HookToken]:
        """The newest first."""
        rows = self.connection.execute(TOKENS, {"of_project": project})
        return [HookToken(row.hash, row.key, row.hook, row.ended_at is None) for row in rows]

    def add(self, project: str, hashed: str, key: str) -> None:
        """Counts from now on, beside those before it: nobody knows yet which of them Procore will send."""
        row = {"hash": hashed, "key": key, "project": project, "made_at": self.now}
        self.connection.execute(insert(HOOK_TOKENS), row)

    def settle(self, project: str, hashed: str, hook: str) -> None:
        """Procore has it: those before it end, and go once they count no more."""
        self.connection.execute(update(HOOK_TOKENS).where(OF_HASH).values(hook=hook), {"of_hash": hashed})
        others = (OF_PROJECT, T.hash != hashed)
        ended, words = T.ended_at.is_not(None), {"of_project": project}
        old = or_(T.ended_at <= self.now - KEPT_FOR, T.ended_at > self.now)
        self.connection.execute(delete(HOOK_TOKENS).where(*others, ended, old), words)
        self.connection.execute(update(HOOK_TOKENS).where(*others, ~ended).values(ended_at=self.now), words)

    def drop(self, hashed: str) -> None:
        """Procore has not got it."""
        self.connection.execute(delete(HOOK_TOKENS).where(OF_HASH), {"of_hash": hashed})

    def forget(self, project: str) -> None:
        """Nothing that comes for the project is ours any more."""
        self.connection.execute(delete(HOOK_TOKENS).where(OF_PROJECT), {"of_project": project})
        self.connection.execute(delete(HOOK_EVENTS).where(E.project == project))

    # Events -------------------------------------------------------------------------------------------------------

    def receive(self, project: str, event: str) -> bool:
        """Keeps that it came; False when it came before."""
        return insert_new(self.connection, HOOK_EVENTS, {"project": project, "event": event, "at": self.now}) == 1

    def forget_old_events(self) -> None:
        """Nobody repeats them any more."""
        words = {"before": self.now - EVENTS_KEPT_FOR}
        if self.connection.execute(OLD_EVENT, words).first():  # Hardly ever; a quiet cycle writes as little as it can.
            self.connection.execute(FORGET_EVENTS, words)

    def newest_event(self, project: str) -> datetime | None:
        """When the latest event came, as far as that is still known."""
        newest: datetime | None = self.connection.execute(NEWEST_EVENT, {"of_project": project}).scalar_one()
        return newest
