"""What was learnt with one credential and holds for all its routes, in whichever process they run."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, select, update
from sqlalchemy import bindparam as given

from procore_4hse.store.inserts import insert_new
from procore_4hse.store.tables import ACCOUNT_FACTS

C = ACCOUNT_FACTS.c
THIS = (C.account == given("of_account"), C.name == given("of_name"))
KNOWN = select(C.value).where(*THIS)
CHANGE, FORGET = update(ACCOUNT_FACTS).where(*THIS), delete(ACCOUNT_FACTS).where(*THIS)


class AccountFacts:
    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def get(self, account: str, name: str) -> Any:
        """Anything that JSON can say; None for what is not known."""
        return self.connection.execute(KNOWN, _named(account, name)).scalar_one_or_none()

    def set(self, account: str, name: str, value: Any) -> None:
        if self.connection.execute(CHANGE, {**_named(account, name), "value": value}).rowcount == 0:
            insert_new(self.connection, ACCOUNT_FACTS, {"account": account, "name": name, "value": value})

    def forget(self, account: str, name: str) -> None:
        self.connection.execute(FORGET, _named(account, name))


def _named(account: str, name: str) -> dict[str, str]:
    return {"of_account": account, "of_name": name}
