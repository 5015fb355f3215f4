"""The hooks of the simulated Procore: what they wait for, what they have to deliver, and the sender that delivers it.

What the guides promise is little: an event comes once or more often, in no order, or never (P115, P116).
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

import httpx

from procore_4hse.simulator.procore_register import Author, Register
from procore_4hse.simulator.procore_state import Record, stamp

Post = Callable[[str, Mapping[str, str], bytes], int | None]
"""Sends a body to an address; the status of the answer, None when none came."""

WAITS = ("enqueued", "retrying")
LONGEST_PAUSE = timedelta(hours=1)
GIVEN_UP_AFTER = timedelta(hours=12)
PATIENCE = 5.0
"""Seconds until an answer is not waited for any more (P115)."""
LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@dataclass
class HookDials:
    """What no document settles about hooks."""

    editions: tuple[str, ...] = ("v2.0", "v1.0")
    """The versions of the API that the company has (P109)."""
    versions: tuple[str, ...] = ("v4.0", "v3.0", "v2.0")
    """Of the payload, for which incidents are a resource; that is confirmed for v2.0 alone."""
    child_edit_fires: bool = False
    """P118: an edited injury tells of its incident."""
    restore_fires: str = ""
    """P118: what a restored incident is told as: nothing, `update` or `create`."""
    samples_shout: bool = False
    """P119: an answer shows the event CREATED of the input `create`."""


@dataclass
class Delivery:
    id: int
    event: dict[str, Any]
    due_at: datetime
    status: str = "enqueued"
    attempts: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Hook:
    id: int
    project_id: int
    namespace: str
    version: str
    url: str
    authorization: str
    made_at: datetime
    active: bool = True
    triggers: dict[int, tuple[str, str]] = field(default_factory=dict)
    deliveries: list[Delivery] = field(default_factory=list)
    failures: int = 0
    failing_since: datetime | None = None
    paused_until: datetime | None = None


class HookBoard:
    """All hooks of the company, and the events that they wait for."""

    def __init__(self, register: Register, company_id: int) -> None:
        self.register, self.company_id = register, company_id
        self.dials = HookDials()
        self.hooks: dict[int, Hook] = {}
        self.random = Random(company_id)  # noqa: S311
        register.on_change.append(self.tell)

    def of_project(self, project_id: int, namespace: str | None) -> Iterator[Hook]:
        for hook in self.hooks.values():
            if hook.project_id == project_id and namespace in (None, hook.namespace):
                yield hook

    def add(self, project_id: int, namespace: str, version: str, url: str, authorization: str) -> Hook:
        hook_id = self.register.state.take_id()
        hook = Hook(hook_id, project_id, namespace, version, url, authorization, self.register.now())
        self.hooks[hook_id] = hook
        return hook

    def tell(self, happened: str, record: Record, author: Author) -> None:
        """Only incidents are a resource; of their children nothing is told, or their incident (P117, P118)."""
        event = self.dials.restore_fires if happened == "restore" else happened
        if record.incident_id is not None:
            event = "update" if self.dials.child_edit_fires else ""
        incident = record.incident_id or record.id
        for hook in self.hooks.values():
            if event and hook.project_id == record.project_id and ("Incidents", event) in hook.triggers.values():
                told = self._event(hook, event, incident, author)
                hook.deliveries.append(Delivery(self.register.state.take_id(), told, self.register.clock()))

    def _event(self, hook: Hook, event: str, incident: int, author: Author) -> dict[str, Any]:
        """As each version of the payload has it (P111)."""
        ulid = "".join(self.random.choices(LETTERS, k=26))
        places = {"company_id": self.company_id, "project_id": hook.project_id, "user_id": author.user_id}
        at = stamp(self.register.now())
        if hook.version == "v4.0":
            told = {"id": ulid, "timestamp": at, "reason": event, "resource_type": "Incidents"}
            return {**told, **{name: str(value) for name, value in {**places, "resource_id": incident}.items()}}
        sources = ("user_id", "company_id", "project_id", "application_id", "operation_id")
        more: dict[str, Any] = {"related_resources": []} if hook.version == "v3.0" else {}
        return {
            "id": self.register.state.take_id(), "ulid": ulid, "timestamp": at, "api_version": hook.version,
            "metadata": {f"source_{name}": None for name in sources}, **places, "event_type": event,
            "resource_name": "Incidents", "resource_id": incident, **more,
        }  # fmt: skip


def over_http(url: str, headers: Mapping[str, str], body: bytes) -> int | None:
    try:
        return httpx.post(url, headers=dict(headers), content=body, timeout=PATIENCE).status_code
    except httpx.HTTPError:
        return None


@dataclass
class HookSender:
    """Delivers what hooks have to tell, as well or as badly as it is told to."""

    board: HookBoard
    post: Post = over_http
    random: Random = field(default_factory=lambda: Random(0))  # noqa: S311
    lost: float = 0.0
    """The share of events that never leave."""
    doubled: float = 0.0
    """The share that is sent twice."""
    delayed: timedelta = timedelta(0)
    """How late an event may be at most."""
    sent: list[dict[str, Any]] = field(default_factory=list)

    def deliver(self) -> int:
        """Sends what is due by now; how many requests that took."""
        before, now = len(self.sent), self.board.register.clock()
        for hook in [*self.board.hooks.values()]:
            for delivery in [each for each in hook.deliveries if each.status in WAITS]:
                if not hook.active or (hook.paused_until is not None and hook.paused_until > now):
                    break  # A failure holds up whatever comes after it (P115).
                if self._is_due(delivery, now):
                    self._try(hook, delivery)
        return len(self.sent) - before

    def forge(self, hook: Hook, body: Any, authorization: str | None = None) -> int | None:
        """Somebody else sends something to the hook's address."""
        headers = {"Authorization": authorization} if authorization else {}
        return self.post(hook.url, headers, body if isinstance(body, bytes) else json.dumps(body).encode())

    def _is_due(self, delivery: Delivery, now: datetime) -> bool:
        if delivery.status == "enqueued" and self.random.random() < self.lost:
            delivery.status = "discarded"
            return False
        if delivery.status == "enqueued" and self.delayed:
            delivery.status, delivery.due_at = "retrying", delivery.due_at + self.random.random() * self.delayed
        return delivery.due_at <= now

    def _try(self, hook: Hook, delivery: Delivery) -> None:
        status = self._send(hook, delivery)
        if status is not None and 200 <= status < 300:
            delivery.status, hook.failures, hook.failing_since = "delivered", 0, None
            if self.random.random() < self.doubled:
                self._send(hook, delivery)
        else:
            self._failed(hook, delivery)

    def _send(self, hook: Hook, delivery: Delivery) -> int | None:
        headers = {"Content-Type": "application/json", "Authorization": hook.authorization}
        self.sent.append(delivery.event)
        status = self.post(hook.url, headers, json.dumps(delivery.event).encode())
        at = stamp(self.board.register.now())
        delivery.attempts.append({"response_status": status, "started_at": at, "completed_at": at})
        return status

    def _failed(self, hook: Hook, delivery: Delivery) -> None:
        now = self.board.register.clock()
        hook.failing_since = hook.failing_since or now
        delivery.status = "retrying"
        pause = min(timedelta(seconds=2**hook.failures), LONGEST_PAUSE) if hook.failures < 12 else LONGEST_PAUSE
        hook.failures, hook.paused_until = hook.failures + 1, now + pause
        if now - hook.failing_since >= GIVEN_UP_AFTER:
            for each in hook.deliveries:
                each.status = "discarded" if each.status in WAITS else each.status
            hook.failures, hook.failing_since, hook.paused_until = 0, None, None
