"""Procore and 4HSE over HTTP: one `Http` per credential, a client per route on top of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import httpx

from procore_4hse.apis import SharedBudget
from procore_4hse.clients.auth import FourHseAuth, GivenToken, ProcoreAuth
from procore_4hse.clients.budget import Budget
from procore_4hse.clients.fourhse import FourHseApi
from procore_4hse.clients.http import Http
from procore_4hse.clients.procore import ProcoreApi
from procore_4hse.clients.transport import Transport
from procore_4hse.models import Side

__all__ = ["FourHseApi", "Http", "ProcoreApi", "fourhse_http", "procore_http"]

FOURHSE_PACE = 2.0
"""Calls a second to 4HSE while no answer states a limit: none is documented (H8)."""

ACCESS_TOKEN = "access-token"  # noqa: S105 a name in an address
"""Where in an address 4HSE takes a personal token (H1)."""


def procore_http(
    api_url: str,
    login_url: str,
    company_id: int | str,
    client_id: str,
    client_secret: str,
    *,
    clock: Callable[[], datetime],
    sleep: Callable[[float], None],
    random: Callable[[], float],
    transport: httpx.BaseTransport | None = None,
    pace: float | None = None,
    shared: SharedBudget | None = None,
) -> Http:
    """Procore with a service account; every call names the company, which Procore demands of it (P9, P16).

    Raises ConfigurationError for an address that is neither https nor loopback.
    """
    side = Side.PROCORE
    budget = Budget(side, clock=clock, sleep=sleep, random=random, pace=pace, shared=shared)
    urls = {"procore.api_url": api_url, "procore.login_url": login_url}
    wire = Transport(side, budget, clock=clock, sleep=sleep, random=random, transport=transport, urls=urls)
    auth = ProcoreAuth(wire, login_url, client_id, client_secret)
    # On every call, although some would work without: they might answer for the wrong company (P16).
    return Http(side, api_url, wire, auth, headers={"Procore-Company-Id": str(company_id)})


def fourhse_http(
    api_url: str,
    token_url: str,
    client_id: str,
    client_secret: str,
    username: str,
    password: str,
    *,
    clock: Callable[[], datetime],
    sleep: Callable[[float], None],
    random: Callable[[], float],
    transport: httpx.BaseTransport | None = None,
    pace: float | None = FOURHSE_PACE,
    access_token: str = "",
    shared: SharedBudget | None = None,
) -> Http:
    """4HSE with a user's password, or with an `access_token` that 4HSE handed out, which needs nothing else.

    `pace` is calls a second, None for none, as for a simulated system.

    Raises ConfigurationError for an address that is neither https nor loopback.
    """
    side = Side.FOURHSE
    budget = Budget(side, clock=clock, sleep=sleep, random=random, pace=pace, shared=shared)
    urls = {"fourhse.api_url": api_url, **({} if access_token else {"fourhse.token_url": token_url})}
    token_name = ACCESS_TOKEN if access_token else None
    wire = Transport(
        side, budget, clock=clock, sleep=sleep, random=random, transport=transport, urls=urls, token_name=token_name
    )
    if access_token:
        return Http(side, api_url, wire, GivenToken(side, access_token))
    return Http(side, api_url, wire, FourHseAuth(wire, token_url, client_id, client_secret, username, password))
