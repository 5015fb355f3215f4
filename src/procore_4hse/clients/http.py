"""The one request function for one vendor and credential: token, budget, repetition, and a status as our error."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from procore_4hse.apis import CALL_TIMEOUT
from procore_4hse.clients.answer import Readable, Reply, is_object, words_of
from procore_4hse.clients.auth import Auth, Token
from procore_4hse.clients.budget import Budget, http_date
from procore_4hse.clients.transport import ATTEMPT_LASTS, Call, NoAnswer, Query, Transport, refuse_open_urls
from procore_4hse.errors import AccessRefused, NotFound, OutcomeUnknown, Refused, Unavailable, VendorError
from procore_4hse.models import Side

REFUSALS = 5
"""A call answered so often with 429 is given up."""

LEAVES_WITHIN = CALL_TIMEOUT - ATTEMPT_LASTS
"""A call leaves within this time or not at all, so that CALL_TIMEOUT holds."""

NOT_READ = "nothing was read; if it stays so, ask its support about this call."
NOT_WRITTEN = "its own words are in the inbox."
"""What is said of a refused call: no question is asked about one that reads, so that no words are kept of it."""


class Http:
    """Reads and writes at one vendor with one credential. Thread-safe; close it, or use it as a context manager."""

    def __init__(
        self, side: Side, api_url: str, wire: Transport, auth: Auth, *, headers: Mapping[str, str] | None = None
    ) -> None:
        refuse_open_urls({f"{side.value}.api_url": api_url})
        self.side = side
        self._api_url = api_url.rstrip("/")
        self._wire = wire
        self._auth = auth
        self._headers = dict(headers or {})
        self._server_date: datetime | None = None

    def __enter__(self) -> Http:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._wire.close()

    @property
    def calls(self) -> int:
        """Attempts made so far, tokens included."""
        return self._wire.calls

    @property
    def asked(self) -> Counter[str]:
        """The same by what came of them, see Transport."""
        return self._wire.asked

    @property
    def server_date(self) -> datetime | None:
        """The latest Date header of the API, UTC."""
        return self._server_date

    @property
    def budget(self) -> Budget:
        return self._wire.budget

    def read(
        self,
        method: str,
        path: str,
        *,
        query: Query = (),
        json: Any = None,
        readable: Readable = is_object,
        reserve: bool = False,
    ) -> Reply:
        """A 2xx answer of readable form, after up to five tries in a minute.

        Raises Unavailable, BudgetExhausted, AccessRefused, NotFound or Refused.
        """
        call = self._call(method, path, query=query, json=json, reserve=reserve)
        remedy = "the next cycle tries again."
        return self._wire.with_retry(call, lambda: self._answer(call, readable, refused=NOT_READ), remedy=remedy)

    def write(
        self,
        method: str,
        path: str,
        *,
        query: Query = (),
        json: Any = None,
        readable: Readable = is_object,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """A 2xx answer of readable form; never sent twice unless the first was certainly not carried out.

        Raises Unavailable when nothing left, OutcomeUnknown when it may have been carried out, and as `read` does.
        """
        call = self._call(method, path, query=query, json=json, reserve=True, headers=headers)
        try:
            return self._answer(call, readable, refused=NOT_WRITTEN)
        except NoAnswer as error:
            raise self._lost(call, error) from error

    def _call(self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **parts: Any) -> Call:
        return Call(method, self._api_url + path, path, headers={**self._headers, **(headers or {})}, **parts)

    def _answer(self, call: Call, readable: Readable, *, refused: str) -> Reply:
        reply = self._exchange(call)
        if 200 <= reply.status < 300 and reply.can_be_read(readable):
            return reply
        # A 4xx says that nothing was done, all but 408: there the server stopped waiting, and may have begun.
        if not 400 <= reply.status < 500 or reply.status == 408:
            raise NoAnswer.by(reply)
        raise self._refusal(call, reply, refused)

    def _exchange(self, call: Call) -> Reply:
        """The answer once it is neither 401 for an old token nor 429 for a passing one."""
        leave_by = self._wire.clock() + LEAVES_WITHIN
        for _ in range(REFUSALS):
            token = self._auth.token()
            reply = self._send(call, token, leave_by)
            if reply.status == 401:
                # A 401 is certainly not carried out, so even a write may be repeated.
                reply = self._send(call, self._auth.renew(token), leave_by)
            if reply.status != 429:
                return reply
        raise self.budget.exhausted()

    def _send(self, call: Call, token: Token, leave_by: datetime) -> Reply:
        clock = self._wire.clock
        self.budget.acquire(reserve=call.reserve, patience=leave_by - clock())
        # Recovery counts on CALL_TIMEOUT: a write that left later could land after it was looked for in vain.
        if clock() > leave_by:
            raise NoAnswer("no time left to send it", sent=False)
        reply = self._wire.ask(call, token.value)
        if dated := http_date(reply.headers.get("date")):
            self._server_date = dated
            return reply
        # Our own clock may be skewed; the vendor's last word is nearer to the vendor's time.
        return replace(reply, date=self._server_date or reply.date)

    def _refusal(self, call: Call, reply: Reply, remedy: str) -> VendorError:
        title, status = self.side.label, reply.status
        if status == 401:
            sentence = f"{title} does not accept our token for {call.name} (401); check the credentials."
            return AccessRefused(sentence, side=self.side, call=call.name, status=status)
        if status == 403:
            sentence = f"{title} does not allow {call.name} (403); give our account the permission for it."
            return AccessRefused(sentence, side=self.side, call=call.name, status=status)
        if status == 404:
            sentence = f"{title} shows nothing for {call.name} (404); check that it exists and our account may see it."
            return NotFound(sentence, side=self.side, call=call.name, status=status)
        words, fields = words_of(reply)
        sentence = f"{title} refused {call.name} ({status}); {remedy}"
        return Refused(sentence, side=self.side, call=call.name, status=status, words=words, fields=fields)

    def _lost(self, call: Call, error: NoAnswer) -> VendorError:
        title = self.side.label
        if not error.sent:
            remedy = error.remedy or "the next cycle tries again."
            sentence = f"{title} was not reached for {call.name} ({error.reason}); {remedy}"
            return Unavailable(sentence, side=self.side, call=call.name)
        sentence = (
            f"Whether {title} carried out {call.name} is unknown ({error.reason}); "
            "the next cycle looks before it sends anything again."
        )
        return OutcomeUnknown(sentence, side=self.side, call=call.name, status=error.status)
