"""One cycle per route at a time, across processes and machines."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, select, update
from sqlalchemy import bindparam as given

from procore_4hse.store.inserts import insert_new
from procore_4hse.store.tables import LEASES


@dataclass(frozen=True)
class Holder:
    """A process, named so that another one that sees the same processes can tell whether it still lives."""

    host: str
    boot: str
    pid: int
    started: str
    namespace: str = ""
    """Of process ids: in two containers of one machine, number 1 is two processes."""

    @classmethod
    def this_process(cls) -> Holder:
        pid = os.getpid()
        return cls(socket.gethostname(), _boot_id(), pid, _start_of(pid) or "", _pid_namespace())

    @classmethod
    def parse(cls, text: str) -> Holder:
        """Also what an older version wrote, without a namespace, or a newer one with more."""
        host, boot, pid, started, *more = text.split("|")
        return cls(host, boot, int(pid), started, *more[:1])

    def __str__(self) -> str:
        return f"{self.host}|{self.boot}|{self.pid}|{self.started}|{self.namespace}"

    def is_known_dead(self) -> bool:
        """True when it is gone from among the processes that we see; of any other process nothing is known."""
        if (self.host, self.boot, self.namespace) != (socket.gethostname(), _boot_id(), _pid_namespace()):
            return False
        start = _start_of(self.pid)
        return start is None or start not in ("", self.started)


C = LEASES.c
CURRENT = select(LEASES).where(C.route == given("of_route"))
TAKEN = select(LEASES).where(C.holder != "")
CHANGE = update(LEASES).where(C.route == given("of_route"))
HELD = (C.route == given("of_route"), C.token == given("with_token"))
RENEW = update(LEASES).where(*HELD, C.expires_at > given("now", type_=C.expires_at.type))
LOCK = update(LEASES).where(*HELD).values(token=C.token)
RELEASE = update(LEASES).where(*HELD)


class Leases:
    def __init__(self, connection: Connection, now: datetime) -> None:
        self.connection, self.now = connection, now

    def take(
        self,
        route: str,
        holder: Holder,
        *,
        ttl: timedelta,
        grace: timedelta,
        ended: int | None = None,
        wait: bool = True,
    ) -> int | None:
        """A new token when the route is free, its holder is dead, or expired `grace` ago; else None.

        `ended` is the token of a lease that nobody writes under any more, although it may not have been released.
        Without `wait` it is None too while somebody is about to take or to keep the lease.
        """
        insert_new(self.connection, LEASES, {"route": route, "token": 0, "holder": "", **self._until(timedelta(0))})
        row = self.connection.execute(CURRENT.with_for_update(skip_locked=not wait), {"of_route": route}).one_or_none()
        if row is None:
            return None
        if row.token != ended and self._is_held(row, grace):
            self._shorten(row, ttl)
            return None
        token: int = row.token + 1
        self.connection.execute(CHANGE, {"of_route": route, "token": token, "holder": str(holder), **self._until(ttl)})
        return token

    def held(self, grace: timedelta, ended: Mapping[str, int]) -> frozenset[str]:
        """The routes that nobody may take now. `ended` has the tokens of leases that nobody writes under any more."""
        rows = self.connection.execute(TAKEN)
        return frozenset(r.route for r in rows if r.token != ended.get(r.route) and self._is_held(r, grace))

    def _is_held(self, row: Row[Any], grace: timedelta) -> bool:
        return bool(row.holder) and not Holder.parse(row.holder).is_known_dead() and self.now < row.expires_at + grace

    def _shorten(self, row: Row[Any], ttl: timedelta) -> None:
        """A lease that lasts longer than it was taken for was written by a clock that ran ahead: it counts from now."""
        span = ttl if row.seconds is None else timedelta(seconds=row.seconds)
        if row.expires_at - self.now > span:
            self.connection.execute(CHANGE, {"of_route": row.route, **self._until(span)})

    def _until(self, ttl: timedelta) -> dict[str, Any]:
        return {"expires_at": self.now + ttl, "seconds": ttl.total_seconds()}

    def renew(self, route: str, token: int, *, ttl: timedelta, grace: timedelta = timedelta(0)) -> bool:
        """`grace` is that of `take`: until it is over nobody else can have taken an expired lease."""
        held = {"of_route": route, "with_token": token, "now": self.now - grace}
        return self.connection.execute(RENEW, {**held, **self._until(ttl)}).rowcount == 1

    def is_held(self, route: str, token: int) -> bool:
        """Locks the lease until the commit, so that nobody can take it in between."""
        return self.connection.execute(LOCK, {"of_route": route, "with_token": token}).rowcount == 1

    def release(self, route: str, token: int) -> bool:
        """False when it is another's by now."""
        held = {"of_route": route, "with_token": token}
        return self.connection.execute(RELEASE, {**held, "holder": "", "expires_at": self.now}).rowcount == 1

    def holder(self, route: str) -> str | None:
        row = self.connection.execute(CURRENT, {"of_route": route}).one_or_none()
        return row.holder if row and row.holder and self.now < row.expires_at else None


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _start_of(pid: int) -> str | None:
    """The process's start as the kernel counts it; None when there is no such process, or only its remains."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        return None if fields[0] == "Z" else fields[19]
    except OSError:
        return _alive(pid)


def _alive(pid: int) -> str | None:
    """An empty start for a process that lives: there is no such file here, or it is hidden from us."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        return ""
    return ""


def _pid_namespace() -> str:
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""
