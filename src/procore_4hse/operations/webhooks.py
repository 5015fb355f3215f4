"""Procore's hooks that move due times forward: made, looked at and removed, one for each route."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from procore_4hse.apis import FailedDelivery, Hook, HookApi
from procore_4hse.errors import AccessRefused, NotFound, OutcomeUnknown, Refused, UsageError, VendorError
from procore_4hse.models import Side
from procore_4hse.operations.hints import SCHEME, Seal
from procore_4hse.route import Route
from procore_4hse.store.hooks import HookToken
from procore_4hse.store.repository import Store

RECENT = timedelta(days=1)
"""Deliveries that failed longer ago say nothing about now."""
INSTALL = "procore-4hse webhooks install"


class Change(StrEnum):
    """What `install` did."""

    MADE = "made"
    RENEWED = "renewed"
    COMPLETED = "completed"
    NONE = "none"


@dataclass(frozen=True)
class Seals:
    """What turns tokens into what the store keeps; `digest` names its key."""

    seal: Seal
    digest: str


@dataclass(frozen=True)
class HookState:
    """A route's hook as Procore and the store know it. `problems` are sentences that end in the next step."""

    hook: Hook | None
    last_hint_at: datetime | None
    failures: Sequence[FailedDelivery]
    """Of the last day."""
    problems: Sequence[str]


@dataclass(frozen=True)
class RouteHook:
    """The hook of one route: its Procore project has one of ours at most, which sends to `url`.

    Each method raises VendorError, and StoreError.
    """

    store: Store
    route: Route
    api: HookApi
    url: str
    seals: Seals | None = None
    """None where no token is made, and nobody asks under which key the store keeps them."""

    def install(self, *, renew: bool = False) -> Change:
        """A hook that tells of incidents, with a token that the store knows; `renew`: with a new one in any case."""
        with _in_our_words(self.route):
            usable, others = self._found()
            version, offered = self.api.offered()
            if not offered:
                raise UsageError(f"Procore has no hooks for incidents of route {self.route.name}; go on without them.")
            for hook in others:
                self.api.remove(hook.id)
            change, hook_id = self._with_token(usable, version, renew=renew)
            there = {trigger.key for trigger in self.api.triggers(hook_id)}
            missing = [trigger for trigger in offered if trigger.key not in there]
            for trigger in missing:
                self.api.add_trigger(hook_id, version, trigger)
            return Change.COMPLETED if missing and change is Change.NONE else change

    def remove(self) -> int:
        """How many hooks went; what they would still send is refused."""
        with _in_our_words(self.route):
            usable, others = self._found()
            ours = [*others, *([usable] if usable else [])]
            for hook in ours:
                self.api.remove(hook.id)
        with self.store.begin() as unit:
            unit.hooks.forget(self.route.procore_project)
        return len(ours)

    def state(self) -> HookState:
        with _in_our_words(self.route):
            usable, others = self._found()
            hook = usable or next(iter(others), None)
            failures = self.api.failures(hook.id) if hook else ()
        with self.store.read() as unit:
            newest, now = unit.hooks.newest_event(self.route.procore_project), unit.now
        recent = [each for each in failures if each.at is None or each.at > now - RECENT]
        return HookState(hook, newest, recent, [*self._problems(hook, recent)])

    def is_installed(self) -> bool:
        """As far as the store knows."""
        return bool(self._tokens())

    # What is there ------------------------------------------------------------------------------------------------

    def _found(self) -> tuple[Hook | None, list[Hook]]:
        """The hook that can stay as it is, and those of ours that cannot. Other installations' are left alone."""
        known = {token.hook for token in self._tokens()}
        ours = [hook for hook in self.api.hooks() if hook.id in known or (self.url and hook.url == self.url)]
        usable = next((hook for hook in ours if hook.is_active and hook.url == self.url), None)
        return usable, [hook for hook in ours if hook is not usable]

    def _tokens(self) -> list[HookToken]:
        with self.store.read() as unit:
            return unit.hooks.tokens(self.route.procore_project)

    def _problems(self, hook: Hook | None, failures: Sequence[FailedDelivery]) -> Iterator[str]:
        name = self.route.name
        if hook is None:
            yield f"Procore has no hook for route {name}; make one with: {INSTALL}"
            return
        if not hook.is_active:
            yield f"The hook of route {name} is switched off in Procore; make it anew with: {INSTALL}"
        elif hook.url != self.url:
            yield f"The hook of route {name} sends to another address than hooks.url; make it anew with: {INSTALL}"
        elif not self._is_known(hook):
            yield f"What the hook of route {name} proves with is not what the store knows; renew it with: {INSTALL}"
        if failures:
            yield f"{_failed(failures)} for route {name}; see that `run --hooks` runs and can be reached at hooks.url."

    def _is_known(self, hook: Hook) -> bool:
        """Whether the store would know its token, as far as that can be told: not while it may be one of two."""
        current, key = [token for token in self._tokens() if token.is_current], self.seals and self.seals.digest
        return len(current) == 1 and current[0].hook == hook.id and key in (None, current[0].key)

    # Tokens -------------------------------------------------------------------------------------------------------

    def _with_token(self, hook: Hook | None, version: str, *, renew: bool) -> tuple[Change, str]:
        if hook is None:
            return Change.MADE, self._give_token(lambda header: self.api.create(self.url, version, header))
        if not renew and self._is_known(hook):
            return Change.NONE, hook.id

        def authorize(header: str) -> str:
            self.api.authorize(hook.id, header)
            return hook.id

        return Change.RENEWED, self._give_token(authorize)

    def _give_token(self, send: Callable[[str], str]) -> str:
        """The store knows the token before Procore does, and the one before it until Procore has this one."""
        if self.seals is None:
            raise ValueError("nothing to seal a token with")
        token, project, seals = secrets.token_urlsafe(32), self.route.procore_project, self.seals
        hashed = seals.seal(token)
        with self.store.begin() as unit:
            unit.hooks.add(project, hashed, seals.digest)
        try:
            hook = send(SCHEME + token)
        except OutcomeUnknown:  # Procore may send either from now on.
            raise
        except VendorError:
            with self.store.begin() as unit:
                unit.hooks.drop(hashed)
            raise
        with self.store.begin() as unit:
            unit.hooks.settle(project, hashed, hook)
        return hook


@contextmanager
def _in_our_words(route: Route) -> Iterator[None]:
    """What a call on hooks met, and what to do about it; never the vendor's own words, which may quote a token."""
    try:
        yield
    except NotFound as error:
        sentence = (
            f"Procore shows no hooks of route {route.name} to our account ({error.status}); "
            "give it the Standard permission on Webhooks."
        )
        raise AccessRefused(sentence, side=Side.PROCORE, call=error.call, status=error.status) from error
    except Refused as error:
        sentence = (
            f"Procore refused the hook of route {route.name} ({error.status}); "
            "see that hooks.url is an https address that Procore can reach."
        )
        raise Refused(sentence, side=Side.PROCORE, call=error.call, status=error.status) from error
    except OutcomeUnknown as error:
        sentence = f"Whether Procore changed the hook of route {route.name} is unknown; run the command again."
        raise OutcomeUnknown(sentence, side=Side.PROCORE, call=error.call, status=error.status) from error


def _failed(failures: Sequence[FailedDelivery]) -> str:
    """How many did not arrive, and what the latest of them met."""
    latest = max(failures, key=lambda each: each.at.timestamp() if each.at else 0.0)
    answer = f"answered {latest.status} last" if latest.status else "without an answer"
    count = "One delivery" if len(failures) == 1 else f"{len(failures)} deliveries"
    return f"{count} of the last day did not arrive, {answer},"
