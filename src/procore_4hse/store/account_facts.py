"""What was learnt with one credential and holds for all its routes, in whichever process they run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, select, update
from sqlalchemy import bindparam as given

from procore_4hse.store.inserts import insert_new
from procore_4hse.store.tables import ACCOUNT_FACTS

C = ACCOUNT_FACTS.c
THIS = (C.account == given("of_account"), C.name == given("of_name"))
KNOWN = select(C.value, C.read_at).where(*THIS)
CHANGE, FORGET = update(ACCOUNT_FACTS).where(*THIS), delete(ACCOUNT_FACTS).where(*THIS)


@dataclass(frozen=True)
class Fact:
    value: Any
    """Anything that JSON can say."""
    read_at: datetime


class AccountFacts:
    def __init__(self, connection: Connection, now: datetime) -> None:
        self.connection, self.now = connection, now

    def get(self, account: str, name: str) -> Fact | None:
        row = self.connection.execute(KNOWN, _named(account, name)).one_or_none()
        return None if row is None else Fact(row.value, row.read_at)

    def set(self, account: str, name: str, value: Any) -> None:
        told = {"value": value, "read_at": self.now}
        if self.connection.execute(CHANGE, {**_named(account, name), **told}).rowcount == 0:
            insert_new(self.connection, ACCOUNT_FACTS, {"account": account, "name": name, **told})

    def forget(self, account: str, name: str) -> None:
        self.connection.execute(FORGET, _named(account, name))


def _named(account: str, name: str) -> dict[str, str]:
    return {"of_account": account, "of_name": name}
