"""From settings to a runtime and its routes: store, connections, clock."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from procore_4hse.apis import SharedBudget
from procore_4hse.errors import ConfigurationError, MappingError, Problem
from procore_4hse.mapping.classes import FieldClass
from procore_4hse.mapping.folding import fold
from procore_4hse.mapping.loader import load
from procore_4hse.mapping.rules import Direction, Field, FieldMapping
from procore_4hse.mapping.schema import INCIDENT_FORM
from procore_4hse.models import Side
from procore_4hse.reconcile.match import NUMBER, MatchRules
from procore_4hse.reconcile.snapshot import Limits, Policy
from procore_4hse.route import Route
from procore_4hse.settings.model import PrivacySettings, RouteSettings, Settings, WhenBarred
from procore_4hse.store.patience import Patience
from procore_4hse.store.repository import AccountBudget, AccountPageSize, Store

# The clients are imported where connections are made: what only reads the store does not wait for them.
if TYPE_CHECKING:
    from procore_4hse.clients import FourHseApi, Http, ProcoreApi
    from procore_4hse.runtime import Runtime

DIRECTIONS = {
    "both": Direction.BOTH,
    "procore-to-4hse": Direction.TO_FOURHSE,
    "4hse-to-procore": Direction.TO_PROCORE,
    "none": Direction.NONE,
}
IMPATIENT = Patience(span=timedelta(seconds=2))
"""What a call must know of the budget is not waited for long: a process that cannot hear of others goes by itself."""
MUST_CROSS = {using.key for using in INCIDENT_FORM.using.values() if using.is_required}
"""Rows that no incident can do without, wherever the route leads."""


@contextmanager
def open_runtime(
    settings: Settings, *, stopping: Callable[[], bool] = lambda: False, sleep: Callable[[float], None] = time.sleep
) -> Iterator[Runtime]:
    """Connections and an up-to-date store for these settings, closed at the end; no call is made by opening them.

    `sleep` may raise AskedToStop, which ends the cycle that waits.
    """
    from procore_4hse.runtime import Runtime

    with ExitStack() as stack:
        store = stack.enter_context(open_store(settings))
        budgets = stack.enter_context(closing(Store(settings.store.url.get_secret_value(), patience=IMPATIENT)))
        accounts = accounts_of(settings)
        procore = stack.enter_context(_procore(settings, sleep, AccountBudget(budgets, accounts[Side.PROCORE])))
        fourhse = stack.enter_context(_fourhse(settings, sleep, AccountBudget(budgets, accounts[Side.FOURHSE])))
        for connection in (procore, fourhse):
            stack.callback(connection.budget.share)
        yield Runtime(
            store=store,
            clock=_now,
            apis=partial(route_apis, store, procore, fourhse, settings.procore.company_id, accounts[Side.FOURHSE]),
            every=settings.schedule.every,
            quiet_every=settings.schedule.quiet_every,
            full_sweep_every=settings.schedule.full_sweep_every,
            settle_for=settings.schedule.settle_for,
            keep_cycles=settings.retention.cycles,
            stopping=stopping,
            budgets={Side.PROCORE: procore.budget, Side.FOURHSE: fourhse.budget},
            account=accounts[Side.PROCORE],
        )


def route_apis(
    store: Store, procore: Http, fourhse: Http, company_id: int, account: str, route: Route
) -> tuple[ProcoreApi, FourHseApi]:
    """Both systems as one route sees them, over the connections that all routes share. `account` is that at 4HSE."""
    from procore_4hse.clients import FourHseApi, ProcoreApi
    from procore_4hse.clients.fourhse import PAGE_SIZE

    return (
        ProcoreApi(
            procore,
            company_id=company_id,
            project_id=route.procore_project,
            validations=route.mapping.validations,
        ),
        FourHseApi(
            fourhse,
            project_id=route.fourhse_project,
            office_id=route.fourhse_office,
            page_size=AccountPageSize(store, account, PAGE_SIZE),
        ),
    )


def accounts_of(settings: Settings) -> dict[Side, str]:
    """What the store calls the credentials of these settings: a digest, for it is nobody's business who they are."""
    procore, fourhse = settings.procore, settings.fourhse
    named = {
        Side.PROCORE: (procore.api_url, procore.client_id),
        Side.FOURHSE: (fourhse.api_url, fourhse.client_id, fourhse.username),
    }
    return {
        side: f"{side.value}-{sha256(chr(0).join(names).encode()).hexdigest()[:16]}" for side, names in named.items()
    }


@contextmanager
def open_store(settings: Settings) -> Iterator[Store]:
    """The store of these settings, created or brought up to date first; closed at the end."""
    with closing(Store(settings.store.url.get_secret_value())) as store:
        store.upgrade()
        yield store


@contextmanager
def hasty_store(settings: Settings) -> Iterator[Store]:
    """The same for somebody who may not keep a caller waiting: it says soon that it has no time."""
    with closing(Store(settings.store.url.get_secret_value(), patience=IMPATIENT)) as store:
        store.upgrade()
        yield store


def routes_of(settings: Settings) -> tuple[Route, ...]:
    """Every route with its mapping read, compiled and narrowed to what may cross.

    Raises MappingError with the problems of all mappings, else ConfigurationError with every row that a route bars.
    """
    mappings: dict[str, FieldMapping] = {}
    problems: list[Problem] = []
    for folder in sorted({route.mapping for route in settings.routes}):
        try:
            mappings[str(folder)] = load(folder)
        except MappingError as error:
            problems += error.problems
    if problems:
        raise MappingError(tuple(problems))
    limits = Limits(**settings.guards.model_dump())
    addresses = {Side.PROCORE: settings.links.procore, Side.FOURHSE: settings.links.fourhse}
    routes = tuple(_route(route, mappings[str(route.mapping)], limits, addresses) for route in settings.routes)
    blocked = [
        each
        for route_settings, route in zip(settings.routes, routes, strict=True)
        for each in _blocked(route_settings, route)
    ]
    blocked += [
        Problem(f"route {route.name}, match, key", f"no row of the mapping is called {route.match.key!r}", NAME_A_ROW)
        for route in settings.routes
        if _match_key(route, mappings[str(route.mapping)]) is None
    ]
    if blocked:
        raise ConfigurationError(tuple(blocked))
    return routes


NAME_A_ROW = "Write the `field:` of a row in incident.yaml, or number"


def _match_key(route: RouteSettings, mapping: FieldMapping) -> str | None:
    """The key of the row that the route knows incidents by; None where the mapping has none of this name."""
    named = fold(route.match.key)
    row = next((row.key for row in mapping.fields if named in (fold(row.label), fold(row.key))), None)
    return row or (named if named in ("", NUMBER) else None)


def _blocked(route_settings: RouteSettings, route: Route) -> Iterator[Problem]:
    """Rows that would go where their class may not, unless the route leaves them out and can do without them."""
    leaves_out = route_settings.privacy.when_barred is WhenBarred.LEAVE_OUT
    for row in (*route.mapping.fields, *route.mapping.people):
        if row.blocked and (row.key in MUST_CROSS or not leaves_out):
            where = " and ".join(side.label for side in row.blocked)
            what = f"the row `{row.label}` goes to {where}, where its class, {row.privacy}, may not cross"
            yield Problem(f"route {route.name}, privacy, {row.privacy}", what, _remedy(row))


def _remedy(row: Field) -> str:
    let = f"Let {row.privacy} cross there"
    if row.key in MUST_CROSS:
        return f"{let}: no incident can do without this row"
    out = f'{let}, or write when_barred = "leave out"'
    return out if row.inactive else f"{out}, or write `direction: {row.direction}` in the row"


def _crossing(privacy: PrivacySettings) -> dict[FieldClass, Direction]:
    """The classes that may not cross freely, each with its way."""
    ways = {each: DIRECTIONS[getattr(privacy, each.value).value] for each in FieldClass}
    return {each: way for each, way in ways.items() if way is not Direction.BOTH}


def _route(route: RouteSettings, mapping: FieldMapping, limits: Limits, addresses: Mapping[Side, str]) -> Route:
    direction = DIRECTIONS[route.direction.value]
    return Route(
        name=route.name,
        procore_project=str(route.procore_project),
        fourhse_project=str(route.fourhse_project),
        fourhse_office=str(route.fourhse_office),
        mapping=mapping.narrowed(direction).within(_crossing(route.privacy)),
        since=route.since,
        direction=direction,
        deletions=Policy(route.deletions.value),
        private=route.private.value,
        limits=limits,
        match=MatchRules(route.match.days, route.match.words / 100, _match_key(route, mapping) or ""),
        enabled=route.enabled,
        addresses=addresses,
    )


def _procore(settings: Settings, sleep: Callable[[float], None], shared: SharedBudget) -> Http:
    from procore_4hse.clients import procore_http

    section = settings.procore
    return procore_http(
        section.api_url,
        section.login_url,
        section.company_id,
        section.client_id,
        section.client_secret.get_secret_value(),
        clock=_steady(),
        sleep=sleep,
        random=random.random,
        shared=shared,
    )


def _fourhse(settings: Settings, sleep: Callable[[float], None], shared: SharedBudget) -> Http:
    from procore_4hse.clients import fourhse_http

    section = settings.fourhse
    pace = {"pace": None} if urlsplit(section.api_url).scheme == "http" else {}
    return fourhse_http(
        section.api_url,
        section.token_url,
        section.client_id,
        section.client_secret.get_secret_value(),
        section.username,
        section.password.get_secret_value(),
        clock=_steady(),
        sleep=sleep,
        random=random.random,
        access_token=section.access_token.get_secret_value(),
        shared=shared,
        **pace,
    )


def _now() -> datetime:
    return datetime.now(UTC)


def _steady() -> Callable[[], datetime]:
    """A clock that nobody sets: what a connection waits for must not move when this machine's clock does."""
    began, timed = _now(), time.monotonic()
    return lambda: began + timedelta(seconds=time.monotonic() - timed)
