"""What every endpoint of the simulated Procore shares: the caller, the register, what the caller may see and do."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from procore_4hse.simulator.procore_answers import Answers
from procore_4hse.simulator.procore_contract import Fields
from procore_4hse.simulator.procore_listing import Query
from procore_4hse.simulator.procore_register import Register
from procore_4hse.simulator.procore_rules import Refusal, forbidden
from procore_4hse.simulator.procore_state import Project, Record
from procore_4hse.simulator.wire import Request, Response


@dataclass(frozen=True)
class Account:
    """The service account that calls."""

    user_id: int
    login_id: int
    login: str
    name: str


@dataclass(frozen=True)
class Write:
    """A write that succeeded over HTTP. `verb` is POST, PATCH, DELETE or RESTORE."""

    verb: str
    kind: str
    id: int
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Call:
    """One request on its endpoint, its path's ids and query read."""

    request: Request
    ids: Mapping[str, int]
    query: Query


@dataclass(frozen=True)
class Endpoint:
    method: str
    template: str
    query: Fields
    act: Callable[[Call], Response]
    pattern: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>\\d+)", self.template)
        object.__setattr__(self, "pattern", re.compile(pattern))

    @property
    def name(self) -> str:
        return f"{self.method} {self.template}"


@dataclass
class Endpoints:
    """Where calls of one service account arrive, their token and company in order."""

    register: Register
    company_id: int
    account: Account
    is_admin: Callable[[], bool]

    @property
    def answers(self) -> Answers:
        return Answers(self.register.state, self.register.dials)

    def may_see(self, record: Record) -> bool:
        """P84: private incidents are for their creator, admins, distribution members and assignees."""
        incident = self.incident_of(record)
        values, account = incident.values, self.account
        # Users by one id, assignees by another of the same person (P70).
        return (
            not values["private"]
            or self.is_admin()
            or incident.author_id == account.user_id
            or account.user_id in values["distribution_member_ids"]
            or account.login_id in values["assignee_ids"]
        )

    def project(self, project_id: int) -> Project:
        project = self.register.project(project_id)
        if project.hidden:
            raise forbidden()
        return project

    def incident_of(self, record: Record) -> Record:
        return record if record.incident_id is None else self.register.state.records[record.incident_id]

    def require_admin(self) -> None:
        """Deleting and the bin are for admins of the tool (P56), and so is its configuration (P85)."""
        if not self.is_admin():
            raise forbidden()


def error_body(refusal: Refusal, form: str) -> Any:
    """The three shapes that error bodies were seen in (P78)."""
    if form == "string":
        return {"errors": str(refusal)}
    if form == "nested":
        return {"error": {"code": refusal.status, "message": str(refusal), "details": refusal.problems}}
    return {"errors": dict(refusal.problems)}
