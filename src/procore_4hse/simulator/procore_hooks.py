"""The webhooks API of the simulated Procore: v2.0 of a project, and v1.0, which is deprecated (P109)."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from procore_4hse.simulator.procore_answers import Row
from procore_4hse.simulator.procore_contract import PAGES, Field, Fields, fields
from procore_4hse.simulator.procore_endpoints import Call, Endpoint, Endpoints
from procore_4hse.simulator.procore_hook_board import Delivery, Hook, HookBoard
from procore_4hse.simulator.procore_listing import cut_page
from procore_4hse.simulator.procore_rules import Refusal, not_found
from procore_4hse.simulator.procore_state import stamp
from procore_4hse.simulator.wire import Response

EVENTS = ("create", "update", "delete")
MASK = "********"
ADDRESS = re.compile(r"https://[^/\s]+(/\S*)?|http://127\.0\.0\.1(:\d+)?(/\S*)?")
"""Public and https, by the reference; loopback stands for that here."""
NAMESPACE = re.compile(r"[a-z-]+")
"""The reference allows digits too, the guide does not (P110)."""
STATUSES = ("succeeded", "failed", "discarded", "enqueued", "retrying")
OLD_STATUSES = {"successful": ("delivered",), "failing": ("retrying", "failed"), "discarded": ("discarded",)}
OLD_OUTCOMES = {"delivered": "ok", "retrying": "retried"}


def _filter(name: str, *choices: str) -> Fields:
    """In the singular here, other than in all other listings (P119)."""
    return {f"filter[{name}]": Field(f"filter[{name}]", "word" if choices else "text", choices=choices)}


HOOKS = fields(PAGES, "namespace:text payload_version:text include_trigger_count:bool")
RESOURCES = fields(PAGES, "payload_version:text payload_format:text")
DELIVERIES = {
    **fields(PAGES), **_filter("status", *STATUSES),
    **{name: each for word in ("resource_name", "event_type", "start", "end") for name, each in _filter(word).items()},
}  # fmt: skip
OLD = "project_id:int company_id:int"
OLD_HOOKS = fields(PAGES, OLD, "namespace:text api_version:text")
OLD_LISTS = fields(PAGES, OLD, "api_version:text")
OLD_DELIVERIES = {**fields(PAGES, OLD), **_filter("status", "any", *OLD_STATUSES)}
NEW_MEMBERS = {"payload_version", "namespace", "destination_url", "destination_headers"}
OLD_MEMBERS = {"api_version", "namespace", "destination_url", "destination_headers"}


@dataclass
class HookEndpoints(Endpoints):
    board: HookBoard

    def endpoints(self) -> Iterator[Endpoint]:
        yield from self._new()
        yield from self._old()

    # v2.0: ids stand in the path, answers below `data`

    def _new(self) -> Iterator[Endpoint]:
        base = "/rest/v2.0/companies/{company_id}/projects/{project_id}/webhooks"
        none, act = fields(), partial(partial, self._of_edition, "v2.0")
        yield Endpoint("GET", f"{base}/resources", RESOURCES, act(self._list_resources))
        yield Endpoint("GET", f"{base}/hooks", HOOKS, act(self._list_hooks))
        yield Endpoint("POST", f"{base}/hooks", none, act(self._create))
        yield Endpoint("GET", f"{base}/hooks/{{id}}", none, act(self._show))
        yield Endpoint("PATCH", f"{base}/hooks/{{id}}", none, act(self._update))
        yield Endpoint("DELETE", f"{base}/hooks/{{id}}", none, act(self._delete))
        yield Endpoint("GET", f"{base}/hooks/{{id}}/triggers", fields(PAGES), act(self._list_triggers))
        yield Endpoint("POST", f"{base}/hooks/{{id}}/triggers", none, act(self._create_trigger))
        yield Endpoint("DELETE", f"{base}/hooks/{{id}}/triggers/{{trigger_id}}", none, act(self._delete_trigger))
        yield Endpoint("GET", f"{base}/hooks/{{id}}/deliveries", DELIVERIES, act(self._list_deliveries))

    # v1.0: the project stands in query or body, what is written in a wrapper

    def _old(self) -> Iterator[Endpoint]:
        base, act = "/rest/v1.0/webhooks", partial(partial, self._of_edition, "v1.0")
        yield Endpoint("GET", f"{base}/resources", OLD_LISTS, act(self._list_resources))
        yield Endpoint("GET", f"{base}/hooks", OLD_HOOKS, act(self._list_hooks))
        yield Endpoint("POST", f"{base}/hooks", fields(), act(self._create))
        yield Endpoint("PATCH", f"{base}/hooks/{{id}}", fields(OLD), act(self._update))
        yield Endpoint("DELETE", f"{base}/hooks/{{id}}", fields(OLD), act(self._delete))
        yield Endpoint("GET", f"{base}/hooks/{{id}}/triggers", OLD_LISTS, act(self._list_triggers))
        yield Endpoint("POST", f"{base}/hooks/{{id}}/triggers", fields(), act(self._create_trigger))
        yield Endpoint("GET", f"{base}/hooks/{{id}}/deliveries", OLD_DELIVERIES, act(self._list_deliveries))

    def _of_edition(self, edition: str, act: Any, call: Call) -> Response:
        if edition not in self.board.dials.editions:
            raise not_found()
        response: Response = act(call)
        return response

    # Hooks

    def _list_hooks(self, call: Call) -> Response:
        found = self.board.of_project(self._project_id(call), call.query.values.get("namespace"))
        return self._rows((self._hook_row(hook, call) for hook in found), call)

    def _show(self, call: Call) -> Response:
        return self._row(200, self._hook_row(self._hook(call), call), call)

    def _create(self, call: Call) -> Response:
        members = self._members(call, "hook", OLD_MEMBERS if self._is_old(call) else NEW_MEMBERS)
        version = members.get("api_version" if self._is_old(call) else "payload_version")
        for name, value in (("destination_url", members.get("destination_url")), ("version", version)):
            if not value:
                raise _refused(name, "can't be blank")
        namespace = members.get("namespace", "procore")
        if not NAMESPACE.fullmatch(namespace):
            raise _refused("namespace", "is invalid")
        authorization = (members.get("destination_headers") or {}).get("Authorization", "")
        url = _address(members["destination_url"])
        hook = self.board.add(self._project_id(call), namespace, _version(version), url, authorization)
        return self._row(201, self._hook_row(hook, call), call)

    def _update(self, call: Call) -> Response:
        hook = self._hook(call)
        members = self._members(call, "hook", OLD_MEMBERS if self._is_old(call) else NEW_MEMBERS)
        hook.url = _address(members.get("destination_url", hook.url))
        hook.authorization = (members.get("destination_headers") or {}).get("Authorization", hook.authorization)
        return self._row(200, self._hook_row(hook, call), call)

    def _delete(self, call: Call) -> Response:
        del self.board.hooks[self._hook(call).id]
        return Response(204)

    # Triggers, resources, deliveries

    def _list_triggers(self, call: Call) -> Response:
        hook = self._hook(call)
        return self._rows((self._trigger_row(hook, each, call) for each in hook.triggers), call)

    def _create_trigger(self, call: Call) -> Response:
        hook = self._hook(call)
        members = self._members(call, "trigger", {"resource_name", "event_type"})
        wanted = (members.get("resource_name"), members.get("event_type"))
        if wanted[0] != "Incidents" or wanted[1] not in EVENTS:
            raise _refused("resource_name", "is not included in the list")
        if wanted in hook.triggers.values():
            raise Refusal(409, {"base": ["has already been taken"]}, breach=True)
        trigger_id = self.register.state.take_id()
        hook.triggers[trigger_id] = (str(wanted[0]), str(wanted[1]))
        return self._row(201, self._trigger_row(hook, trigger_id, call), call)

    def _delete_trigger(self, call: Call) -> Response:
        if self._hook(call).triggers.pop(call.ids["trigger_id"], None) is None:
            raise not_found()
        return Response(204)

    def _list_resources(self, call: Call) -> Response:
        if self._is_old(call):
            return self._rows([{"name": "Incidents", "except": []}, {"name": "RFIs", "except": ["delete"]}], call)
        version = call.query.values.get("payload_version")
        if version is None:
            raise _refused("payload_version", "is missing")
        others = [{"category": "Project Management", "tool": "RFIs", "name": "RFIs", "actions": ["create", "update"]}]
        here = {"category": "Quality & Safety", "tool": "Incidents", "name": "Incidents", "actions": [*EVENTS]}
        offered = [*others, *([here] if version in self.board.dials.versions else [])]
        return self._rows(({**row, "payload_version": version} for row in offered), call)

    def _list_deliveries(self, call: Call) -> Response:
        wanted = call.query.values.get("filter[status]")
        hook, old = self._hook(call), self._is_old(call)
        words = OLD_STATUSES.get(wanted or "") if old else {"succeeded": ("delivered",)}.get(wanted or "", (wanted,))
        found = [each for each in hook.deliveries if wanted in (None, "any") or each.status in (words or ())]
        return self._rows((self._delivery_row(each, old=old) for each in found), call)

    # Shapes

    def _hook_row(self, hook: Hook, call: Call) -> Row:
        headers = {"Authorization": MASK} if hook.authorization else None
        row = {"namespace": hook.namespace, "destination_url": hook.url, "destination_headers": headers}
        if self._is_old(call):
            owners = {"owned_by_company_id": None, "owned_by_project_id": hook.project_id}
            return {"id": hook.id, "api_version": "v2", **row, **owners}
        made, places = stamp(hook.made_at), {"company_id": str(self.company_id), "project_id": str(hook.project_id)}
        status = "active" if hook.active else "disabled"
        told = {"status": status, "payload_version": hook.version, "hook_type": "classic"}
        return {"id": str(hook.id), **row, **told, **places, "created_at": made, "updated_at": made}

    def _trigger_row(self, hook: Hook, trigger_id: int, call: Call) -> Row:
        resource, event = hook.triggers[trigger_id]
        shown = f"{event}D".upper() if self.board.dials.samples_shout else event
        row = {"id": trigger_id, "webhook_hook_id": hook.id, "resource_name": resource, "event_type": shown}
        return row if self._is_old(call) else {**row, "id": str(trigger_id), "webhook_hook_id": str(hook.id)}

    def _delivery_row(self, delivery: Delivery, *, old: bool) -> Row:
        if old:
            last: Mapping[str, Any] = delivery.attempts[-1] if delivery.attempts else {}
            outcome = OLD_OUTCOMES.get(delivery.status, delivery.status)
            return {"id": delivery.id, "outcome": outcome, "event": delivery.event, **last}
        attempts = [{"id": str(number), **each} for number, each in enumerate(delivery.attempts, 1)]
        row = {"id": str(delivery.id), "status": delivery.status, "payload": delivery.event}
        return {**row, "delivery_attempts": attempts}

    def _rows(self, rows: Iterable[Row], call: Call) -> Response:
        page = cut_page([*rows], call.request, call.query, default=10, cap=100, strict=True)
        return Response.of(200, page.rows if self._is_old(call) else {"data": page.rows}, page.headers)

    def _row(self, status: int, row: Row, call: Call) -> Response:
        return Response.of(status, row if self._is_old(call) else {"data": row})

    # What was asked

    def _is_old(self, call: Call) -> bool:
        return call.request.path.startswith("/rest/v1.0/")

    def _project_id(self, call: Call) -> int:
        """In the path, or in v1.0 in the query or the body."""
        told = call.ids.get("project_id") or call.query.values.get("project_id")
        told = told or (self._body(call).get("project_id") if call.request.body else None)
        if not isinstance(told, int):
            raise _refused("project_id", "is missing")
        return self.project(told).id

    def _hook(self, call: Call) -> Hook:
        hook = self.board.hooks.get(call.ids["id"])
        if hook is None or hook.project_id != self._project_id(call):
            raise not_found()
        return hook

    def _members(self, call: Call, wrapper: str, known: set[str]) -> Mapping[str, Any]:
        body = self._body(call)
        members = body.get(wrapper) if self._is_old(call) else body
        if not isinstance(members, dict):
            raise _refused(wrapper, "is missing")
        if unknown := sorted(members.keys() - known):
            raise _refused(unknown[0], "is not a member of this body")
        return members

    def _body(self, call: Call) -> Mapping[str, Any]:
        try:
            body = call.request.json()
        except ValueError as error:
            raise _refused("base", "body is not JSON") from error
        if not isinstance(body, dict):
            raise _refused("base", "body is no object")
        return body


def _refused(name: str, words: str) -> Refusal:
    return Refusal(400, {name: [words]}, breach=True)


def _address(url: str) -> str:
    if not ADDRESS.fullmatch(url):
        raise _refused("destination_url", "is invalid")
    return url


def _version(text: Any) -> str:
    """Samples write v2 for v2.0 (P111)."""
    version = {"v2": "v2.0"}.get(str(text), str(text))
    if version not in ("v2.0", "v3.0", "v4.0"):
        raise _refused("payload_version", "is not included in the list")
    return version
