"""One cycle per route at a time, across processes and machines."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, insert, select, update
from sqlalchemy import bindparam as given

from procore_4hse.store.tables import LEASES


@dataclass(frozen=True)
class Holder:
    """A process, named so that another one on the same host can tell whether it still lives."""

    host: str
    boot: str
    pid: int
    started: str

    @classmethod
    def this_process(cls) -> Holder:
        return cls(socket.gethostname(), _boot_id(), os.getpid(), _start_of(os.getpid()) or "")

    @classmethod
    def parse(cls, text: str) -> Holder:
        host, boot, pid, started = text.split("|")
        return cls(host, boot, int(pid), started)

    def __str__(self) -> str:
        return f"{self.host}|{self.boot}|{self.pid}|{self.started}"

    def is_known_dead(self) -> bool:
        """True when it ran on this host and is gone; a foreign host's process is never known to be dead."""
        if self.host != socket.gethostname():
            return False
        return self.boot != _boot_id() or _start_of(self.pid) != self.started


C = LEASES.c
CURRENT = select(LEASES).where(C.route == given("of_route"))
CHANGE = update(LEASES).where(C.route == given("of_route"))
HELD = (C.route == given("of_route"), C.token == given("with_token"))
RENEW = update(LEASES).where(*HELD, C.expires_at > given("now", type_=C.expires_at.type))
LOCK = update(LEASES).where(*HELD).values(token=C.token)
RELEASE = update(LEASES).where(*HELD)


class Leases:
    def __init__(self, connection: Connection, now: datetime) -> None:
        self.connection, self.now = connection, now

    def take(self, route: str, holder: Holder, *, ttl: timedelta, grace: timedelta) -> int | None:
        """A new token when the route is free, its holder is dead, or expired `grace` ago; else None."""
        row = self.connection.execute(CURRENT.with_for_update(), {"of_route": route}).one_or_none()
        until = {"holder": str(holder), "expires_at": self.now + ttl}
        if row is None:
            self.connection.execute(insert(LEASES), {"route": route, "token": 1, **until})
            return 1
        if row.holder and not Holder.parse(row.holder).is_known_dead() and self.now < row.expires_at + grace:
            return None
        token: int = row.token + 1
        self.connection.execute(CHANGE, {"of_route": route, "token": token, **until})
        return token

    def renew(self, route: str, token: int, *, ttl: timedelta) -> bool:
        held = {"of_route": route, "with_token": token, "now": self.now}
        return self.connection.execute(RENEW, {**held, "expires_at": self.now + ttl}).rowcount == 1

    def is_held(self, route: str, token: int) -> bool:
        """Locks the lease until the commit, so that nobody can take it in between."""
        return self.connection.execute(LOCK, {"of_route": route, "with_token": token}).rowcount == 1

    def release(self, route: str, token: int) -> None:
        held = {"of_route": route, "with_token": token}
        self.connection.execute(RELEASE, {**held, "holder": "", "expires_at": self.now})

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
    if Path("/proc/self").exists():
        return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        return ""
    return ""
