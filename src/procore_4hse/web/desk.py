"""What the desk is made of, and how a request becomes somebody: by a session, or by an authenticating proxy."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response

from procore_4hse.operations.month import Past
from procore_4hse.route import Route
from procore_4hse.settings.model import DeskAuth, DeskSettings, Settings
from procore_4hse.store.desk import Session
from procore_4hse.store.repository import Store
from procore_4hse.web.access import Rule, Visitor, grants_json, grants_of, owner, rules_of, visitor
from procore_4hse.web.keys import LINK, Keys, new_key

LINK_LASTS = timedelta(minutes=15)
SIGN_IN_LASTS = timedelta(minutes=10)
SESSION_LASTS = timedelta(hours=12)

SESSION_COOKIE, LINK_COOKIE, SIGN_IN_COOKIE = "desk", "desk-link", "desk-sign-in"
SECRET_HEADER = "x-desk-secret"  # noqa: S105 a name


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Desk:
    """Everything that a page may use. `every` is the pause between cycles, for when the next one is due."""

    store: Store
    routes: tuple[Route, ...]
    settings: DeskSettings
    every: timedelta
    keys: Keys
    rules: tuple[Rule, ...] = ()
    clock: Callable[[], datetime] = field(default=_now)
    past: Past = field(default_factory=dict)

    @classmethod
    def of(cls, settings: Settings, routes: tuple[Route, ...], store: Store) -> Desk:
        """Raises ConfigurationError for a rule that names an unknown route or class."""
        rules = rules_of(settings.desk, [route.name for route in routes])
        return cls(store, routes, settings.desk, settings.schedule.every, Keys.of(settings), rules)

    # Who asks -----------------------------------------------------------------------------------------------------

    def identify(self, request: Request) -> Visitor | None:
        """Whose request this is; None for somebody who is not signed in or has no right at all."""
        if self.settings.auth is DeskAuth.PROXY:
            return self._behind_proxy(request)
        key = request.cookies.get(self.cookie(SESSION_COOKIE))
        if not key:
            return None
        with self.store.read() as unit:
            session = unit.desk.session(self.keys.hashed(key))
        return Visitor(session.who, grants_of(session.grants)) if session else None

    def _behind_proxy(self, request: Request) -> Visitor | None:
        """The name that the proxy gives, only from its address and with its secret."""
        names, secrets = (request.headers.getlist(name) for name in (self.settings.header, SECRET_HEADER))
        if len(names) != 1 or len(secrets) != 1 or not names[0].strip() or not self._is_trusted(request):
            return None
        expected = self.settings.secret.get_secret_value()
        if not expected or not hmac.compare_digest(secrets[0].encode(), expected.encode()):
            return None
        return visitor(names[0].strip(), (names[0].strip(),), self.rules)

    def _is_trusted(self, request: Request) -> bool:
        try:
            peer = ipaddress.ip_address(request.client.host if request.client else "")
        except ValueError:
            return False
        return any(peer in ipaddress.ip_network(network) for network in self.settings.trusted_peers)

    # Signing in and out -------------------------------------------------------------------------------------------

    def link_holder(self, link: str) -> str | None:
        """Whom a link signs in, while it lasts; that it is used up shows only when it is used."""
        data = self.keys.opened(LINK, link, self.clock())
        return str(data["who"]) if data and self.settings.auth is DeskAuth.LINK else None

    def sign_in_by_link(self, link: str, response: Response) -> bool:
        who = self.link_holder(link)
        return who is not None and self.sign_in(owner(who), response, link=self.keys.hashed(link))

    def sign_in(self, somebody: Visitor, response: Response, *, link: str | None = None) -> bool:
        """Gives the browser a session; False when the link was used before."""
        key, session = new_key(), Session(somebody.who, grants_json(somebody.grants))
        with self.store.begin() as unit:
            opened = unit.desk.sign_in(self.keys.hashed(key), session, lasts=SESSION_LASTS, link=link)
        if opened:
            self.give_cookie(response, SESSION_COOKIE, key, SESSION_LASTS)
        return opened

    def sign_out(self, request: Request, response: Response) -> None:
        key = request.cookies.get(self.cookie(SESSION_COOKIE))
        if key:
            with self.store.begin() as unit:
                unit.desk.sign_out(self.keys.hashed(key))
        self.take_cookie(response, SESSION_COOKIE)

    # Cookies ------------------------------------------------------------------------------------------------------

    @property
    def is_secure(self) -> bool:
        return self.settings.base_url.startswith("https://")

    def cookie(self, name: str) -> str:
        """Over https a name that no other site of the same domain can set."""
        return f"__Host-{name}" if self.is_secure else name

    def give_cookie(self, response: Response, name: str, value: str, lasts: timedelta) -> None:
        response.set_cookie(
            self.cookie(name),
            value,
            max_age=int(lasts.total_seconds()),
            path="/",
            secure=self.is_secure,
            httponly=True,
            samesite="lax",
        )

    def take_cookie(self, response: Response, name: str) -> None:
        response.delete_cookie(self.cookie(name), path="/", secure=self.is_secure, httponly=True, samesite="lax")
