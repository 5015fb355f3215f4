"""What proves that a record was deleted. Absence alone proves nothing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC

import structlog

from procore_4hse.apis import FourHseIncidentApi, ProcoreIncidentApi
from procore_4hse.engine.pull import Pulled
from procore_4hse.errors import AccessRefused, NotFound, VendorError
from procore_4hse.mapping.images import deleted_at
from procore_4hse.mapping.lenses.days import parse_instant
from procore_4hse.mapping.places import has_ended, inactive_status
from procore_4hse.models import CHILDREN, Kind, Link, LinkState, RawRecord, RecordRef, Side
from procore_4hse.reconcile.snapshot import Limits
from procore_4hse.store.repository import Fence, Store

log = structlog.get_logger()

VIEWS = 25
"""Missing 4HSE records of a kind that one cycle looks up, so that a lost role does not eat the budget."""

Proofs = dict[RecordRef, str]
"""Why each record counts as deleted, in words."""


def evidence(
    store: Store,
    fence: Fence,
    route: str,
    limits: Limits,
    pulled: Pulled,
    procore: ProcoreIncidentApi,
    fourhse: FourHseIncidentApi,
) -> Proofs:
    """What is proven about linked records that certified listings no longer hold.

    An incident of 4HSE that is found by its id all the same is staged as it is found: it may tell where it is now.
    """
    proofs: Proofs = {}
    outlines, absent, witness = _links_and_absences(store, route)
    for side, kind in _readable(pulled):
        links = [link for link in outlines[kind] if _is_watched(link, side)]
        lost = sorted({link.id_on(side) for link in links if link.ref(side) in absent})
        if not lost:
            continue
        if side is Side.PROCORE:
            reasons = _recycled(procore, lost, kind)
        elif kind is Kind.INCIDENT and _is_too_much(len(lost), len(links), limits):
            continue
        else:
            reasons, found = _vanished(fourhse, _in_turn(lost, pulled.number), witness, kind.on(side))
            _keep_found(store, fence, route, found)
        proofs |= {RecordRef(side, kind.on(side), record_id): why for record_id, why in reasons.items()}
    return proofs


def _readable(pulled: Pulled) -> Iterable[tuple[Side, Kind]]:
    """The listings whose silence means something in this cycle."""
    for side in Side:
        if pulled.certified[side] and (side is Side.FOURHSE or pulled.swept):
            yield side, Kind.INCIDENT
        if pulled.records_certified and pulled.people_certified:
            yield from ((side, kind) for kind in CHILDREN)


def _links_and_absences(
    store: Store, route: str
) -> tuple[dict[Kind, tuple[Link, ...]], frozenset[RecordRef], str | None]:
    """Links of each kind, all that is absent, and an incident that 4HSE's listing still holds; none if nothing is.

    People follow an incident that is gone, and are looked for while it lives.
    """
    with store.read() as unit:
        absent = unit.staging(route).absent()
        links = unit.links(route).outline(Kind.INCIDENT, *CHILDREN) if absent else ()
        witness = unit.staging(route).one_present(Side.FOURHSE, Kind.INCIDENT) if absent else None
    living = {link.procore_id for link in links if link.kind is Kind.INCIDENT and link.state is LinkState.LIVE}
    of_living = [link for link in links if link.kind is Kind.INCIDENT or link.parent in living]
    by_kind = {kind: tuple(link for link in of_living if link.kind is kind) for kind in (Kind.INCIDENT, *CHILDREN)}
    return by_kind, absent, witness


def _is_watched(link: Link, side: Side) -> bool:
    return link.state in (LinkState.LIVE, LinkState.gone(side.other))


def _in_turn(ids: list[str], turn: int) -> list[str]:
    """Those of many to look up in this cycle: the next ones in each, so that none is left out for ever."""
    start = turn * VIEWS % len(ids)
    return (ids[start:] + ids[:start])[:VIEWS]


def _is_too_much(lost: int, links: int, limits: Limits) -> bool:
    """When much is gone at once a lost role is likelier than deletions, and 4HSE's 404 proves nothing."""
    share = links >= limits.percent_from and lost * 100 > limits.max_delete_percent * links
    return lost > limits.max_deletes or share


def _recycled(api: ProcoreIncidentApi, ids: list[str], kind: Kind = Kind.INCIDENT) -> dict[str, str]:
    """Those ids that lie in Procore's recycle bin (P53-P57); none without the right to see it."""
    reasons: dict[str, str] = {}
    try:
        for unknown in (None, True) if kind is Kind.INCIDENT else (None,):
            sought = [record_id for record_id in ids if record_id not in reasons]
            for page in api.recycled_pages(kind, ids=sought, time_unknown=unknown):
                for record in page.records:
                    if record.id in sought:
                        reasons[record.id] = f"it lies in Procore's recycle bin{_since(record)}"
    except (AccessRefused, NotFound):
        log.warning("pull.no_bin", why="our account may not see Procore's recycle bin, so nothing there is proven")
    return reasons


def _since(record: RawRecord) -> str:
    since = parse_instant(deleted_at(record.payload))
    return since.astimezone(UTC).strftime(" since %Y-%m-%d %H:%M UTC") if since else ""


def _vanished(
    api: FourHseIncidentApi, ids: list[str], witness: str | None, kind: Kind = Kind.INCIDENT
) -> tuple[dict[str, str], list[RawRecord]]:
    """Those ids that 4HSE no longer knows, while its office works and shows us another incident (H6).

    And the records that it does know, though no listing holds them.
    """
    reasons: dict[str, str] = {}
    found: list[RawRecord] = []
    try:
        if witness is None or not _is_active(api) or not api.show(Kind.INCIDENT, witness):
            return reasons, found
    except VendorError:
        return reasons, found
    for record_id in ids:
        try:
            found.append(api.show(kind, record_id).record)
        except NotFound:
            reasons[record_id] = "it has gone from the list, and is not found when it is opened"
        except VendorError:  # What cannot be looked up now proves nothing.
            continue
    return reasons, found


def _keep_found(store: Store, fence: Fence, route: str, found: Iterable[RawRecord]) -> None:
    """Of incidents that turned out to be in another office, what they show there."""
    with store.read() as unit:
        staged = {record.ref: unit.staging(route).find(record.ref) for record in found if record.kind is Kind.INCIDENT}
    moved = [
        record for record in found if (known := staged.get(record.ref)) and _office(known.record) != _office(record)
    ]
    if not moved:
        return
    with store.begin(fence) as unit:
        for record in moved:
            unit.staging(route).amend(record)


def _office(record: RawRecord) -> object:
    return record.payload.get("subtenant_id")


def _is_active(api: FourHseIncidentApi) -> bool:
    office, project = api.office(), api.project()
    return not has_ended(office) and inactive_status(project) is None
