"""Whether a configuration can work: credentials, permissions, clocks, zones and words, asked of both live systems."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any

from procore_4hse.apis import FourHseIncidentApi, IncidentApi, Page, ProcoreIncidentApi
from procore_4hse.errors import AccessRefused, GuardStopped, NotFound, Refused, Unavailable, VendorError
from procore_4hse.mapping.images import deleted_at
from procore_4hse.mapping.lenses.base import Known
from procore_4hse.mapping.places import NO_ZONE, has_ended, inactive_status, project_zone
from procore_4hse.models import PEOPLE_RECORDS, PROCORE_RECORDS, Image, Kind, Side
from procore_4hse.operations.coverage import (
    OPTIONS,
    Alarms,
    Gap,
    StatusUse,
    gaps,
    lists_for,
    named_statuses,
    out_of_use,
    status_gaps,
    unlisted,
)
from procore_4hse.operations.equipment_coverage import EquipmentList, equipment_gaps
from procore_4hse.route import Route
from procore_4hse.runtime import Runtime

SKEW = timedelta(seconds=60)
"""Clocks that differ by more than this are worth a word: none is ever compared, but logs would mislead."""

FLAGS = (False, True)


FIVE_YEARS = timedelta(days=5 * 365)
"""So long an employer in the United States keeps what it recorded of injuries (29 CFR 1904.33)."""


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"
    """Something works less well, or a word has no partner; a cycle runs all the same."""
    PROBLEM = "problem"
    """A cycle cannot do its work."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `place` is a system or a route; `code` is what a problem ends the command with."""

    place: str
    level: Level
    what: str
    code: int = 0


Findings = Iterator[Finding]


@dataclass(frozen=True)
class Asked:
    """Which systems are still asked: one that lets nobody in, or answers nothing, would only say so again."""

    silent: set[Side] = field(default_factory=set)
    """Asked nothing more at all."""
    closed: set[tuple[str, Side]] = field(default_factory=set)
    """Asked nothing more about one route."""

    def may(self, route: Route, *sides: Side) -> bool:
        return not any(side in self.silent or (route.key, side) in self.closed for side in sides)

    def gives_up(self, error: VendorError, route: Route) -> Finding:
        """What a failed call says, and what is not asked because of it."""
        title, place = error.side.label, f"route {route.name}"
        if _lets_nobody_in(error):
            self.silent.add(error.side)
            return _problem(title, error, f" Nothing else was asked of {title}.")
        if isinstance(error, AccessRefused):
            self.closed.add((route.key, error.side))
            return _problem(place, error, f" Nothing else was asked of {title} about it.")
        return _problem(place, error)


def _lets_nobody_in(error: VendorError) -> bool:
    """Whether any other call would end in the same way: no token, a token that is refused, no answer at all."""
    if isinstance(error, AccessRefused):
        return error.status != 403 or "/token" in error.call
    return isinstance(error, Unavailable) and error.status is None


def check_all(runtime: Runtime, routes: Sequence[Route], step: Callable[[str], None] = lambda _: None) -> Findings:
    """Findings in the order in which they are made; `step` is told what is looked at now."""
    asked = Asked()
    for route in routes[:1]:  # All routes share the credentials.
        step("credentials")
        yield from _credentials(runtime, route, asked)
        yield from _guarded(route, asked, partial(_page_size, runtime.apis(route)[1]), Side.FOURHSE)
    found: list[Finding] = []
    for route in routes:
        step(f"route {route.name}")
        found += _route(runtime, route, asked)
    yield from _said_once(found)
    for side in Side:
        if side not in asked.silent:
            yield _rate_headers(runtime, side)


def _said_once(found: Sequence[Finding]) -> Findings:
    """What is the same for several routes, in one finding with their names."""
    places: dict[Finding, list[str]] = {}
    for each in found:
        places.setdefault(replace(each, place=""), []).append(each.place)
    for finding, named in places.items():
        routes = list(dict.fromkeys(named))
        names = ", ".join(place.removeprefix("route ") for place in routes)
        yield replace(finding, place=routes[0] if len(routes) == 1 else f"{len(routes)} routes: {names}")


def lifetime(journal: timedelta | None) -> Findings:
    """Whether the history of writes is kept as long as records of injuries have to be; None keeps it for ever."""
    if journal is not None and journal < FIVE_YEARS:
        what = (
            f"What was written is forgotten after {journal.days} days. In the United States, records of injuries are "
            "kept for five years (29 CFR 1904.33); where that concerns you, set 5y or more, or leave the key out."
        )
        yield Finding("retention.journal", Level.WARNING, what)


# One system ------------------------------------------------------------------------------------------------------


def _credentials(runtime: Runtime, route: Route, asked: Asked) -> Findings:
    procore, fourhse = runtime.apis(route)
    calls: tuple[tuple[IncidentApi, Callable[[], Any]], ...] = (
        (procore, procore.me),
        (fourhse, fourhse.project),
    )
    for api, call in calls:
        try:
            call()
        except NotFound:  # Whoever may ask and be told "not found" has come past the token.
            yield _fine(api.side, "The credentials are accepted.")
        except VendorError as error:
            if isinstance(error, Unavailable) or _lets_nobody_in(error):
                asked.silent.add(api.side)
                yield _problem(api.side.label, error, f" Nothing else was asked of {api.side.label}.")
            else:
                yield _problem(api.side.label, error)
            continue
        else:
            yield _fine(api.side, "The credentials are accepted.")
        yield _clock(runtime.clock(), api)


def _fine(side: Side, what: str) -> Finding:
    return Finding(side.label, Level.OK, what)


def _problem(place: str, error: VendorError, then: str = "") -> Finding:
    return Finding(place, Level.PROBLEM, f"{error}{then}", error.exit_code)


def _clock(now: datetime, api: IncidentApi) -> Finding:
    title, theirs = api.side.label, api.server_date
    if theirs is None:
        return Finding(title, Level.WARNING, "Its answers carry no date, so that its clock cannot be compared.")
    skew = abs(now - theirs)
    if skew <= SKEW:
        return Finding(title, Level.OK, "Its clock and ours agree within a minute.")
    seconds = round(skew.total_seconds())
    return Finding(title, Level.WARNING, f"Its clock and ours differ by {seconds} seconds; set ours right.")


def _rate_headers(runtime: Runtime, side: Side) -> Finding:
    line = runtime.budgets.get(side)
    if line is None or line.limit is None:
        return _fine(side, "Its answers state no call limit; we go by refusals alone.")
    return _fine(side, f"Its answers state a limit of {line.limit} calls; {line.remaining} are left.")


# One route -------------------------------------------------------------------------------------------------------


def _route(runtime: Runtime, route: Route, asked: Asked) -> Findings:
    yield from _left_out(route)
    procore, fourhse = runtime.apis(route)
    for look in (_project, _incidents, _bin, _settings, _unknown_time):
        yield from _guarded(route, asked, partial(look, procore), Side.PROCORE)
    for glance in (_place, _pages):
        yield from _guarded(route, asked, partial(glance, fourhse), Side.FOURHSE)
    for compare in (_words, _equipment):
        yield from _guarded(route, asked, partial(compare, route, procore, fourhse), *Side)


def _left_out(route: Route) -> Findings:
    """What the route's privacy keeps home, row by row."""
    for row in (*route.mapping.fields, *route.mapping.people):
        if row.left_out:
            yield Finding(f"route {route.name}", Level.OK, f"{row.label}: {row.left_out}.")


def _guarded(route: Route, asked: Asked, look: Callable[[], Findings], *sides: Side) -> Findings:
    """What a look finds, under the route's name, while all it asks still answer; a call that fails is a finding too."""
    if not asked.may(route, *sides):
        return
    try:
        for finding in look():
            yield replace(finding, place=f"route {route.name}")
    except VendorError as error:
        yield asked.gives_up(error, route)


def _ok(what: str) -> Finding:
    return Finding("", Level.OK, what)


def _warning(what: str) -> Finding:
    return Finding("", Level.WARNING, what)


def _project(procore: ProcoreIncidentApi) -> Findings:
    zone = project_zone(procore.project())
    if zone is None:
        yield Finding("", Level.PROBLEM, NO_ZONE, GuardStopped.exit_code)
    else:
        yield _ok(f"The Procore project can be read; its days are those of {zone}.")


def _incidents(procore: ProcoreIncidentApi) -> Findings:
    total = procore.incident_total()
    yield _ok(f"Procore's incidents can be read: {'an unknown number' if total is None else total} are listed.")


def _bin(procore: ProcoreIncidentApi) -> Findings:
    try:
        recycled = next(procore.recycled_pages(Kind.INCIDENT, ids=None)).records
    except (AccessRefused, NotFound):
        yield _warning(
            "Procore's recycle bin may not be seen, so that no deletion there can be proven; "
            "give our account the Admin permission on Incidents."
        )
    else:
        yield _ok("Procore's recycle bin can be read, so that deletions there can be proven.")
        yield from (_ok(_shown_from_the_bin(procore, record.id)) for record in recycled[:1])


def _shown_from_the_bin(procore: ProcoreIncidentApi, incident: str) -> str:
    """What asking for one deleted incident by its id tells, in the bin and outside of it (P57)."""
    try:
        since = deleted_at(procore.show_recycled(Kind.INCIDENT, incident).record.payload)
        inside = f"shows it, deleted at {since}" if since else "shows it without the time of its deletion"
    except NotFound:
        inside = "does not show it by its id"
    try:
        outside = "and the register shows it too" if procore.show(Kind.INCIDENT, incident) else ""
    except (AccessRefused, NotFound) as error:
        outside = f"and the register answers {error.status}"
    return f"Of an incident that was deleted the bin {inside}, {outside}."


def _settings(procore: ProcoreIncidentApi) -> Findings:
    """What Procore does by itself with the incidents that we create."""
    try:
        configuration = procore.configuration()
    except (AccessRefused, NotFound):
        yield _warning("Procore's incident settings may not be read: whether creates send mail is not known.")
        return
    if mailed := len(configuration.get("default_distribution") or []):
        yield _warning(f"Procore mails {mailed} members of the default distribution at every incident that we create.")
    if configuration.get("private_by_default"):
        yield _warning("Procore marks new incidents private by itself, those that we create too.")


def _unknown_time(procore: ProcoreIncidentApi) -> Findings:
    """Whether the plain listing leaves out incidents whose time is unknown."""
    plain, unknown_time, known_time = (procore.incident_total(time_unknown=flag) for flag in (None, True, False))
    if not unknown_time or plain is None or known_time is None:
        yield _ok("No Procore incident has an unknown time, so that it cannot be told whether lists hide such ones.")
    elif plain == known_time:
        yield _ok("Procore's plain lists hide incidents of unknown time; they are asked for besides.")
    else:
        yield _ok("Procore's plain lists show incidents of unknown time too.")


def _place(fourhse: FourHseIncidentApi) -> Findings:
    status = inactive_status(fourhse.project())
    if status is None:
        yield _ok("The 4HSE project is active.")
        yield from _office(fourhse)
    else:
        yield _warning(f"The 4HSE project is {status}, and only an active one works; nothing there counts as deleted.")


def _office(fourhse: FourHseIncidentApi) -> Findings:
    office = fourhse.office()
    if has_ended(office):
        yield _warning("The 4HSE office has ended, and its incidents may be hidden; nothing there counts as deleted.")
    elif str(office.get("project_id", fourhse.project_id)).lower() != fourhse.project_id.lower():
        what = "The 4HSE office belongs to another project; correct fourhse_project or fourhse_office of this route."
        yield Finding("", Level.PROBLEM, what, 2)
    else:
        yield _ok("The 4HSE office is active.")


def _page_size(fourhse: FourHseIncidentApi) -> Findings:
    """How many rows 4HSE lists in one call; what it grants is asked for from now on, by every process."""
    yield _ok(f"4HSE lists up to {fourhse.try_page_sizes()} rows a call; so many are asked for from now on.")


def _pages(fourhse: FourHseIncidentApi) -> Findings:
    """How many rows 4HSE puts on a page, when there are enough to tell."""
    page: Page = next(fourhse.pages(Kind.INCIDENT))
    rows = len(page.records)
    if page.is_last:
        yield _ok(f"4HSE's incidents can be read: {rows} are listed, on one page.")
    else:
        yield _ok(f"4HSE's incidents can be read: {page.total} are listed, {rows} on a page.")


# Words -----------------------------------------------------------------------------------------------------------


def _words(route: Route, procore: ProcoreIncidentApi, fourhse: FourHseIncidentApi) -> Findings:
    """Every word of the mapping against what both systems offer and show now, and the other way round."""
    offered: dict[str, tuple[Image, ...]] = {}
    barred: list[str] = []
    for name in lists_for(route.mapping):
        try:
            offered[name] = tuple(procore.picker(name))
        except (AccessRefused, NotFound):
            barred.append(name.replace("_", " "))
    yield from _barred(barred)
    records = _all_records(procore, fourhse)
    uses = {status_id: _status_use(procore, status_id) for status_id in named_statuses(route.mapping).values()}
    missing = [*gaps(route.mapping, offered, records), *status_gaps(route.mapping, offered, uses)]
    yield from _outdated(procore, offered)
    yield from _gap_findings(missing, "Every word that both systems show now has a partner in the mapping.")
    if labels := unlisted(route.mapping):
        yield _ok(
            "Procore lists no entries of custom fields: of the words of "
            f"{' and '.join(f'`{label}`' for label in labels)} only those that records show were compared. "
            "Compare the ids with your Procore administrator's."
        )
    yield from _alerts(route, procore, records[Side.FOURHSE, Kind.PERSON])


def _barred(lists: Sequence[str]) -> Findings:
    """Lists of Procore's that are closed to us."""
    if not lists:
        return
    one = len(lists) == 1
    named = f"list of {lists[0]}" if one else f"{len(lists)} lists of {', '.join(lists[:-1])} and {lists[-1]}"
    yield _warning(
        f"Procore's {named} may not be read, so that {'its' if one else 'their'} words cannot be compared; "
        "give our account access to the company's lists."
    )


def _outdated(procore: ProcoreIncidentApi, offered: Mapping[str, tuple[Image, ...]]) -> Findings:
    """Entries in use that are out of use, as the filter options of the project's records tell (P129)."""
    for name, kinds in OPTIONS.items():
        if name not in offered:
            continue
        try:
            used = [option for kind in kinds for option in procore.filter_options(kind, name) if option.get("key")]
        except (AccessRefused, NotFound):
            continue
        if gap := out_of_use(name, offered[name], used):
            yield _warning(f"{gap.what}; {gap.remedy}.")


def _gap_findings(missing: Sequence[Gap], otherwise: str) -> Findings:
    for gap in missing:
        yield _warning(f"{gap.what} ({_concerned(gap)}); {gap.remedy}.")
    if not missing:
        yield _ok(otherwise)


def _status_use(procore: ProcoreIncidentApi, status_id: int) -> StatusUse:
    """The incidents of this status, asked for with and without known time, and the status as the first one shows it.

    A filter that Procore did not apply, or refused, finds none.
    """
    # Incidents of unknown time may only show when they are asked for (P42), so both are.
    listings = (procore.incident_pages(custom_status=str(status_id), time_unknown=each, per_page=1) for each in FLAGS)
    try:
        pages = [next(listing) for listing in listings]
    except (NotFound, Refused):
        return StatusUse()
    first = next((record for page in pages for record in page.records), None)
    if first is None:
        return StatusUse()
    image = procore.show(Kind.INCIDENT, first.id).record.payload.get("custom_status") or {}
    if str(image.get("id")) != str(status_id):  # The filter was ignored, and all incidents came.
        return StatusUse()
    return StatusUse(sum(page.total or len(page.records) for page in pages), image)


# What alerts people ----------------------------------------------------------------------------------------------


def _alerts(route: Route, procore: ProcoreIncidentApi, involved: Iterable[Image]) -> Findings:
    """Which rows write a filing type to Procore, and which filing types alert people there now (P73)."""
    rows = route.mapping.alerting
    if not rows:
        yield _ok("No row writes a filing type to Procore, so that no injury that we make alerts people there.")
        return
    labels = " and ".join(f"`{row.label}`" for row in rows)
    try:
        filing_types = procore.picker("injury_filing_types")
    except (AccessRefused, NotFound):
        yield _warning(f"{labels} writes filing types to Procore, and which of them alert people may not be read.")
        return
    alarms = Alarms.of(filing_types)
    situation = (
        f"{labels} writes filing types to Procore, where {len(alarms.severe)} of {len(filing_types)} have a severity"
    )
    if not alarms.loud:
        yield _ok(f"{situation}, and none of these alerts people.")
        return
    readings = [row.lens.get(Side.FOURHSE, image) for row in rows for image in involved]
    people = len([reading for reading in readings if isinstance(reading, Known) and reading.value in alarms.loud])
    yield _warning(
        f"{situation}; these alert people by e-mail or push: {', '.join(sorted(alarms.loud))}. "
        f"4HSE shows one of them for {people} involved {'person' if people == 1 else 'people'}. "
        "A backfill leaves them out unless --with-filing-types is given."
    )


# Equipment -------------------------------------------------------------------------------------------------------


def _equipment(route: Route, procore: ProcoreIncidentApi, fourhse: FourHseIncidentApi) -> Findings:
    """Both lists of equipment by the rules of the mapping, with the incidents that name each piece."""
    if not route.mapping.equipment:
        return
    try:
        here, there = ([row for page in api.equipment_pages() for row in page] for api in (procore, fourhse))
    except (AccessRefused, NotFound) as error:
        yield _warning(
            f"{error.side.label}'s list of equipment may not be read, so that its pieces cannot be compared."
        )
        return
    records = [page for kind in PROCORE_RECORDS for page in procore.record_pages(kind)]
    missing = equipment_gaps(
        route.mapping,
        EquipmentList.of(Side.PROCORE, here, _payloads(records)),
        EquipmentList.of(Side.FOURHSE, there, _payloads(fourhse.pages(Kind.RESOURCE))),
    )
    yield from _gap_findings(missing, "Every piece of equipment that both systems list has its partner.")


def _all_records(
    procore: ProcoreIncidentApi, fourhse: FourHseIncidentApi
) -> dict[tuple[Side, Kind], tuple[Image, ...]]:
    pages: dict[tuple[Side, Kind], Iterator[Page]] = {
        (Side.PROCORE, Kind.INCIDENT): procore.incident_pages(),
        (Side.FOURHSE, Kind.INCIDENT): fourhse.pages(Kind.INCIDENT),
        **{(Side.PROCORE, kind): procore.record_pages(kind) for kind in PEOPLE_RECORDS},
        (Side.FOURHSE, Kind.PERSON): fourhse.pages(Kind.PERSON),
    }
    return {key: tuple(_payloads(some)) for key, some in pages.items()}


def _payloads(pages: Iterable[Page]) -> Iterator[Image]:
    return (record.payload for page in pages for record in page.records)


def _concerned(gap: Gap) -> str:
    singular, plural = ("record of a person", "records of people") if gap.of_people else ("incident", "incidents")
    return f"{gap.records} {singular if gap.records == 1 else plural}"
