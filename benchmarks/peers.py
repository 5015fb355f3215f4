"""Other programs at comparable work, run by their own Python: see README.md. Prints its numbers as JSON."""

from __future__ import annotations

import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any


def cpu(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return (time.process_time() - began) * 1000


def loader(bodies: str) -> dict[str, float]:
    """The least that reading and staging takes: httpx, orjson and one insert for each row."""
    import httpx
    import orjson

    lines = Path(bodies).read_text().splitlines()
    answers = iter([json.loads(line).encode() for line in lines])
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=next(answers)))
    with tempfile.TemporaryDirectory() as folder:
        table = sqlite3.connect(Path(folder, "loaded.db"))
        table.execute("CREATE TABLE record (id TEXT PRIMARY KEY, body TEXT)")

        def work() -> None:
            with httpx.Client(transport=transport) as client:
                for number in range(len(lines)):
                    rows = rows_of(orjson.loads(client.get("http://bench.test").content))
                    told = [(f"{number}-{one}", orjson.dumps(row).decode()) for one, row in enumerate(rows)]
                    table.executemany("INSERT INTO record VALUES (?, ?)", told)
                    table.commit()

        return {"loader": cpu(work), "rows": table.execute("SELECT count(*) FROM record").fetchone()[0]}


def rows_of(page: Any) -> list[Any]:
    """The records of a page, in whichever envelope."""
    if isinstance(page, list):
        return page
    lists = [value for value in page.values() if isinstance(value, list)] if isinstance(page, dict) else []
    return lists[0] if lists else []


def dlt(bodies: str) -> dict[str, float]:
    """dlt loads the same rows into DuckDB or SQLite by its own means."""
    import dlt

    pages = [json.loads(json.loads(line)) for line in Path(bodies).read_text().splitlines()]

    def rows() -> Iterator[Any]:
        for number, page in enumerate(pages):
            for one, row in enumerate(rows_of(page)):
                yield {"key": f"{number}-{one}", "body": json.dumps(row)}

    with tempfile.TemporaryDirectory() as folder:
        target = dlt.destinations.sqlalchemy(f"sqlite:///{folder}/loaded.db")
        pipeline = dlt.pipeline("bench", pipelines_dir=folder, destination=target, dataset_name="bench")
        return {"dlt": cpu(lambda: pipeline.run(rows(), table_name="record", primary_key="key"))}


def vdirsyncer(size: str) -> dict[str, float]:
    """A sync of which nothing has changed, for each item: both sides in memory, its status in SQLite."""
    import asyncio

    from vdirsyncer.storage.memory import MemoryStorage
    from vdirsyncer.sync import sync
    from vdirsyncer.sync.status import SqliteStatus
    from vdirsyncer.vobject import Item

    async def once(status: SqliteStatus, one: MemoryStorage, other: MemoryStorage) -> None:
        await sync(one, other, status)

    async def full(storage: MemoryStorage) -> None:
        for number in range(int(size)):
            await storage.upload(Item(f"BEGIN:VEVENT\nUID:{number}\nSUMMARY:Incident {number}\nEND:VEVENT"))

    with tempfile.TemporaryDirectory() as folder:
        one, other = MemoryStorage(), MemoryStorage()
        for storage in (one, other):
            asyncio.run(full(storage))
        status = SqliteStatus(str(Path(folder, "status.db")))
        asyncio.run(once(status, one, other))
        return {"vdirsyncer": min(cpu(lambda: asyncio.run(once(status, one, other))) for _ in range(3)) / int(size)}


if __name__ == "__main__":
    print(json.dumps({one.__name__: one for one in (loader, dlt, vdirsyncer)}[sys.argv[1]](*sys.argv[2:])))  # noqa: T201
