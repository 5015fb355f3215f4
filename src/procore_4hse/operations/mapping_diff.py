"""What another mapping would do to the staged incidents: two plans of one snapshot, set side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, is_dataclass, replace

from procore_4hse.mapping.lenses import lines
from procore_4hse.mapping.lenses.base import Lens
from procore_4hse.mapping.lenses.incident import TextLens
from procore_4hse.mapping.rules import Field, FieldMapping
from procore_4hse.models import Side
from procore_4hse.operations.offline import offline_snapshot
from procore_4hse.operations.plan_effects import Effect, EffectKey, What, effects
from procore_4hse.reconcile.guard import guarded
from procore_4hse.reconcile.items import title_of
from procore_4hse.reconcile.plan import plan
from procore_4hse.reconcile.snapshot import Snapshot
from procore_4hse.route import Route
from procore_4hse.store.repository import Store

ASKED = frozenset({What.DIFFER, What.CONFLICT, What.ASK})


@dataclass(frozen=True)
class Change:
    """What one mapping does at a spot and what the other would do; None where it does nothing."""

    spot: EffectKey
    label: str
    title: str
    now: Effect | None
    then: Effect | None

    @property
    def incident(self) -> tuple[str | None, str | None]:
        return self.spot.procore_id, self.spot.fourhse_id


@dataclass(frozen=True)
class MappingDiff:
    """`incidents` counts what is staged, a linked pair once; `stop` says why the next cycle would hold the route."""

    route: Route
    incidents: int
    rows: tuple[str, ...]
    """What differs between the two mappings themselves, a sentence for each row."""
    changes: tuple[Change, ...]
    stop: str | None

    @property
    def concerned(self) -> int:
        return len({change.incident for change in self.changes})

    @property
    def counts(self) -> dict[tuple[str, Side, What], int]:
        """Incidents by field, side and what would newly happen there."""
        newly = {(each.label, each.spot.side, each.then.what, each.incident) for each in self.changes if each.then}
        return dict(Counter((label, side, what) for label, side, what, _ in sorted(newly, key=repr)))

    def newly(self, *kinds: What) -> int:
        """Incidents to which one of these would happen that does not happen to them now."""
        then = {each.incident for each in self.changes if each.then and each.then.what in kinds}
        return len(then - {each.incident for each in self.changes if each.now and each.now.what in kinds})


def mapping_diff(store: Store, route: Route, other: Route) -> MappingDiff:
    """The route as it was read last, and the same moment under the mapping of `other`: no call, no write."""
    now = offline_snapshot(store, route)
    then = _under(now, offline_snapshot(store, other))
    planned = plan(then)
    return MappingDiff(
        route=route,
        incidents=_incidents(now),
        rows=tuple(_rows(route.mapping, other.mapping)),
        changes=tuple(_changes(now, effects(plan(now), now), effects(planned, then), _labels(now, then))),
        stop=guarded(planned, then).stop,
    )


def _under(now: Snapshot, then: Snapshot) -> Snapshot:
    """The very moment of the one snapshot with all that the mapping of the other decides."""
    # A cycle in between would make two snapshots differ; only what the mapping decides may.
    people = replace(now.people, picklists=then.people.picklists)
    return replace(now, mapping=then.mapping, people=people, changed=then.changed, own_words=then.own_words)


def _incidents(snapshot: Snapshot) -> int:
    linked = {side: {link.id_on(side) for link in snapshot.links} for side in Side}
    alone = [record for side in Side for record in snapshot.records[side] if record not in linked[side]]
    return len(alone) + len(
        [link for link in snapshot.links if any(snapshot.record(side, link.id_on(side)) for side in Side)]
    )


def _labels(*snapshots: Snapshot) -> dict[str, str]:
    return {row.key: row.label for each in snapshots for row in _all_rows(each.mapping)}


def _all_rows(mapping: FieldMapping) -> tuple[Field, ...]:
    return (*mapping.fields, *mapping.people, *mapping.equipment)


def _changes(
    snapshot: Snapshot, now: dict[EffectKey, Effect], then: dict[EffectKey, Effect], labels: dict[str, str]
) -> Iterator[Change]:
    # Ids may be None, and None does not sort beside text.
    for spot in sorted(now.keys() | then.keys(), key=_order):
        if now.get(spot) != then.get(spot):
            label = labels.get(spot.field) or spot.kind.value.replace("_", " ")
            yield Change(spot, label, _title(snapshot, spot), now.get(spot), then.get(spot))


def _order(spot: EffectKey) -> tuple[str, ...]:
    return (spot.procore_id or "", spot.fourhse_id or "", spot.kind, spot.record_id, spot.field, spot.side)


def _title(snapshot: Snapshot, spot: EffectKey) -> str:
    ids = {Side.PROCORE: spot.procore_id, Side.FOURHSE: spot.fourhse_id}
    titles = (
        title_of(snapshot.mapping, snapshot.record(side, record_id)) for side, record_id in ids.items() if record_id
    )
    return next((title for title in titles if title), "")


# The mappings themselves -----------------------------------------------------------------------------------------


def _rows(now: FieldMapping, then: FieldMapping) -> Iterator[str]:
    old, new = ({row.key: row for row in _all_rows(each)} for each in (now, then))
    for key, row in old.items():
        if key not in new:
            yield f"{row.label}: this row is gone."
        elif differences := _row_changes(row, new[key]):
            yield f"{new[key].label}: {'; '.join(differences)}."
    for key, row in new.items():
        if key not in old:
            yield f"{row.label}: this row is new."


def _row_changes(old: Field, new: Field) -> list[str]:
    facts = {
        "its direction": (old.direction.value, new.direction.value),
        "its rule": (old.on_conflict.value, new.on_conflict.value),
        "its field in Procore": (old.wording.procore, new.wording.procore),
        "its field in 4HSE": (old.wording.fourhse, new.wording.fourhse),
        "its using": (old.wording.using, new.wording.using),
    }
    differences = [f"{name} was `{was}` and is `{now}`" for name, (was, now) in facts.items() if was != now]
    return differences or (["its words changed"] if _alone(old.lens) != _alone(new.lens) else [])


def _alone(lens: Lens) -> Lens:
    """A lens whatever lines stand beside its own: those of other rows change nothing in what it means."""
    if isinstance(lens, TextLens):
        return replace(lens, labels=())
    spot = getattr(lens, "spot", None)
    return replace(lens, spot=replace(spot, labels=())) if isinstance(spot, lines.Spot) and is_dataclass(lens) else lens
