"""Whether 4HSE's PUT replaces whole records (H5): what is sent then, and how an emptied record is filled again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from procore_4hse.apis import IncidentApi
from procore_4hse.errors import NotFound, Refused
from procore_4hse.models import Act, Action, Image, Item, Kind, LinkState, RecordRef, Side
from procore_4hse.push.steps import Steps
from procore_4hse.reconcile import items


def emptied(api: IncidentApi, action: Action, before: Image, after: Image) -> Item | None:
    """The question to ask when fields that we did not send are gone (is 4HSE's PUT partial? H5)."""
    own = api.own_fields(action.kind) - action.fields.keys()
    gone = [name for name in own if before.get(name) not in (None, "", [], {}) and after.get(name) in (None, "")]
    if not gone:
        return None
    return items.replaced(action, sorted(gone), {name: before.get(name) for name in own}, dict(after))


@dataclass
class WholeRecords:
    """Sends 4HSE every field that is set, once it is known to want that. `wanted` is what the route remembers."""

    steps: Steps
    wanted: bool

    def fields(self, action: Action, before: Image) -> dict[str, Any]:
        """What an update sends: its own fields, and all others that are set where the call replaces the record."""
        if self._is_whole(action):
            self._refuse_to_empty(self.steps.apis[action.side], action, before)
        return dict(self.as_sent(action, before).fields)

    def as_sent(self, action: Action, before: Image) -> Action:
        """The same update with all that its call sends, and with what stood in all of that before."""
        if not self._is_whole(action):
            return action
        api = self.steps.apis[action.side]
        own = api.own_fields(action.kind) - api.NEVER_WRITTEN
        rest = {name: before[name] for name in own if before.get(name) is not None}
        return replace(action, fields={**rest, **action.fields}, seen={**before, **action.seen})

    def _is_whole(self, action: Action) -> bool:
        return action.side is Side.FOURHSE and self.wanted

    def learn_from(self, error: Refused, action: Action, before: Image) -> bool:
        """A refusal that names only fields we did not send, and that are set, says that PUT wants the whole record."""
        named = set(error.fields)
        if action.side is not Side.FOURHSE or self.wanted or not named or named & action.fields.keys():
            return False
        if not all(before.get(name) not in (None, "") for name in named):
            return False
        with self.steps.begin() as unit:
            unit.routes.remember(self.steps.key, self.steps.route, put_whole=True)
        self.wanted = True
        return True

    def refill(self, facts: Mapping[str, Any]) -> tuple[Action, Image] | None:
        """What fills an emptied record as it was, and what it shows now; whatever is set by now, by whomever, stays."""
        side, kind, record_id = Side(facts["side"]), Kind(facts["kind"]), str(facts["record"])
        api = self.steps.apis[side]
        try:
            now = api.show(kind, record_id).record.payload
        except NotFound:
            return None
        names, before = api.own_fields(kind) - api.NEVER_WRITTEN, facts["before"]
        emptied = {name: before[name] for name in names if before.get(name) and now.get(name) in (None, "")}
        if not emptied:
            return None
        # Procore changes what is sent and nothing else; 4HSE may replace the record (H5), so the rest is sent along.
        rest = {name: now[name] for name in names if now.get(name) is not None} if side is Side.FOURHSE else {}
        with self.steps.read() as unit:
            link = unit.links(self.steps.key).find(RecordRef(side, kind, record_id))
        source, own = (link.id_on(side.other), link.kind) if link else (None, kind)
        reason, then = "what was emptied is put back", link.state if link else LinkState.LIVE
        fields = {**rest, **emptied}
        return Action(Act.UPDATE, side, own, record_id, source, reason, fields, seen=dict(now), then=then), now

    def _refuse_to_empty(self, api: IncidentApi, action: Action, before: Image) -> None:
        """A call that replaces the record would take away what we never send; a person makes such a change."""
        named = [name for name in sorted(api.NEVER_WRITTEN) if before.get(name)]
        if action.kind is Kind.INCIDENT and named:
            title = action.side.label
            words = f"{title} replaces whole records, and this one holds {', '.join(named)}, which we never send."
            raise Refused(f"{title} would empty fields of a record.", side=action.side, words=words)
