"""A store of version 0.1, before migration 0003, and both systems as they stood when it was left.

`tests/data/before_0003` holds three things. `history.json` is all that happened to both systems, in order: what people
did by hand, and each write that version 0.1 made and a system carried out. `store.json` is every row of the store right
afterwards, table by table, without empty columns. `mapping` is the folder that its route used; its second route used
the same without `equipment.yaml`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from procore_4hse.simulator.fourhse_tokens import TOKEN_PATH
from procore_4hse.simulator.wire import Handler, Request
from procore_4hse.store.schema import MIGRATIONS
from world import COMPANY, World

FOLDER = Path(__file__).parent / "data" / "before_0003"
MAPPING = FOLDER / "mapping"
REVISION = "0002"

PROCORE_LOGIN = {"grant_type": "client_credentials", "client_id": "procore-client", "client_secret": "procore-secret"}
FOURHSE_LOGIN = {
    "grant_type": "password",
    "client_id": "4hse-client",
    "username": "sync@example.com",
    "password": "4hse-password",
}


def read(name: str) -> Any:
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


# Both systems ------------------------------------------------------------------------------------------------------


def let_happen(world: World) -> None:
    """Does to the empty systems of this world what was done then, each thing at its time."""
    for step in read("history.json"):
        world.clock.now = datetime.fromisoformat(step["at"])
        if "verb" in step:
            getattr(getattr(world, step["system"]), step["verb"])(*step["args"], **step["fields"])
        else:
            _send(world, step)


def _send(world: World, step: Mapping[str, Any]) -> None:
    if step["system"] == "procore":
        handle, token = world.procore.handle, _token(world.procore.handle, "/oauth/token", PROCORE_LOGIN)
    else:
        handle, token = world.fourhse.handle, _token(world.fourhse.handle, TOKEN_PATH, FOURHSE_LOGIN)
    headers = {"authorization": f"Bearer {token}", "procore-company-id": str(COMPANY)}
    query = tuple((name, value) for name, value in step["query"])
    body = b"" if step["body"] is None else json.dumps(step["body"]).encode()
    answer = handle(Request(step["method"], step["path"], query, {**headers, **_typed(body)}, body))
    assert answer.status < 300, (step, answer)


def _typed(body: bytes) -> dict[str, str]:
    return {"content-type": "application/json"} if body else {}


def _token(handle: Handler, path: str, login: Mapping[str, str]) -> str:
    form = {"content-type": "application/x-www-form-urlencoded"}
    answer = handle(Request("POST", path, headers=form, body=urlencode(login).encode()))
    return str(json.loads(answer.body)["access_token"])


# The store ---------------------------------------------------------------------------------------------------------


def restore(url: str) -> None:
    """Makes the database at this address the store as version 0.1 left it."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        _drop_all(connection)
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, REVISION)
        for name, rows in read("store.json").items():
            _insert(connection, sa.Table(name, sa.MetaData(), autoload_with=connection), rows)
    engine.dispose()


def _drop_all(connection: sa.Connection) -> None:
    there = sa.MetaData()
    there.reflect(connection)
    there.drop_all(connection)


def _insert(connection: sa.Connection, table: sa.Table, rows: Iterable[Mapping[str, Any]]) -> None:
    """The tables are as the database knows them: their columns are those of that time, not of today."""
    for row in rows:
        connection.execute(sa.insert(table).values({name: _value(table.c[name], row[name]) for name in row}))
    if connection.dialect.name == "postgresql" and isinstance(table.c.get("id", sa.Column()).type, sa.Integer):
        # Its numbering does not see rows that bring their numbers.
        highest = sa.select(sa.func.max(table.c.id)).scalar_subquery()
        connection.execute(sa.select(sa.func.setval(sa.func.pg_get_serial_sequence(table.name, "id"), highest)))


def _value(column: sa.Column[Any], value: Any) -> Any:
    return datetime.fromisoformat(value) if isinstance(column.type, sa.DateTime) else value


def stage_again(url: str, record_id: str, kinds: Iterable[str]) -> None:
    """Further records of Procore under the id of one that is staged: ids of different kinds may be equal."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        table = sa.Table("raw_record", sa.MetaData(), autoload_with=connection)
        row = connection.execute(sa.select(table).where(table.c.id == record_id)).mappings().one()
        connection.execute(sa.insert(table), [{**row, "kind": kind} for kind in kinds])
    engine.dispose()


def ask_again(url: str, record_id: str, kind: str) -> None:
    """The open question about a record of Procore once more, about a further record of the same person."""
    stage_again(url, record_id, [kind])
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        table = sa.Table("inbox", sa.MetaData(), autoload_with=connection)
        row = connection.execute(sa.select(table).where(table.c.key.endswith(f"-{record_id}"))).mappings().one()
        key = f"match:procore:{kind}-{record_id}"
        again = {**row, "id": row["id"] + 1000, "key": key, "item": {**row["item"], "key": key}}
        connection.execute(sa.insert(table), again)
    engine.dispose()


def name_by_user(url: str, record_id: str, user: int) -> None:
    """A record of Procore, and the directory, as they are where the record names somebody by their login alone."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        table = sa.Table("raw_record", sa.MetaData(), autoload_with=connection)
        record = connection.execute(sa.select(table).where(table.c.id == record_id)).mappings().one()
        party = record["payload"]["affected_party"]
        listed = sa.and_(table.c.kind == "directory", table.c.id == str(party["id"]), table.c.route == record["route"])
        person = connection.execute(sa.select(table).where(listed)).mappings().one()
        named = {**record["payload"], "affected_party": None, "affected_person": {**party, "id": user}}
        connection.execute(sa.update(table).where(table.c.id == record_id).values(payload=named))
        connection.execute(sa.update(table).where(listed).values(payload={**person["payload"], "user_id": user}))
    engine.dispose()


def write_in_capitals(url: str, fourhse_id: str) -> None:
    """The id of one 4HSE record as another server might write it, wherever the store names the record by it."""
    columns = (("raw_record", "id"), ("link", "fourhse_id"), ("inbox", "key"))
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for name, column in columns:
            table = sa.Table(name, sa.MetaData(), autoload_with=connection)
            changed = sa.func.replace(table.c[column], fourhse_id, fourhse_id.upper())
            assert connection.execute(
                sa.update(table).where(table.c[column].contains(fourhse_id)).values({column: changed})
            ).rowcount
    engine.dispose()
