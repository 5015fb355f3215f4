"""Records the cassettes of the contract tests from a real sandbox: `make record`, with credentials in the environment.

Reads only. What is kept has no tokens, no ids and no text of the sandbox: see `Scrubber`. `player` plays them back.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import vcr
from vcr.request import Request

from procore_4hse.clients import FourHseApi, ProcoreApi, fourhse_http, procore_http
from procore_4hse.errors import NotFound
from procore_4hse.models import Kind

CASSETTES = Path(__file__).parent / "cassettes"

COMPANY, PROJECT = "26972", "1363617"
FOURHSE_PROJECT = "0d0c2d0e-6b2f-4a51-9f3f-0c8a3f2f2c11"
OFFICE = "5b7f5a5e-1d39-4a7c-8f43-7b1d6f3a9e02"
"""The ids that stand in cassettes for those of the sandbox."""

UNKNOWN_INCIDENT = {"procore": "999999999999999", "fourhse": "00000000-0000-4000-8000-ffffffffffff"}

API = {
    "SYNC_PROCORE__API_URL": "https://api.procore.com",
    "SYNC_PROCORE__LOGIN_URL": "https://login.procore.com",
    "SYNC_FOURHSE__API_URL": "https://service.4hse.com",
    "SYNC_FOURHSE__TOKEN_URL": "https://auth.4hse.com/realms/4hse/protocol/openid-connect/token",
}
"""Settings with these defaults; cassettes hold the defaults whatever the sandbox's addresses are."""

NEEDED = {
    "procore": (
        "SYNC_PROCORE__COMPANY_ID",
        "SYNC_PROCORE__CLIENT_ID",
        "SYNC_PROCORE__CLIENT_SECRET",
        "RECORD_PROCORE_PROJECT",
    ),
    "fourhse": (
        "SYNC_FOURHSE__CLIENT_ID",
        "SYNC_FOURHSE__USERNAME",
        "SYNC_FOURHSE__PASSWORD",
        "RECORD_FOURHSE_PROJECT",
        "RECORD_FOURHSE_OFFICE",
    ),
}

KEPT_TEXT = frozenset(
    {"created_at", "updated_at", "deleted_at", "event_date", "date_incident", "date_closed"}
    | {"time_zone", "tz_name", "status", "category", "type", "filing_type"}
    | {"project_type", "office_type_icon", "token_type"}
)
"""Text under these keys belongs to the vendor's vocabulary or is a date; all other text goes."""

KEPT_HEADERS = frozenset({"date", "content-type", "link", "total", "per-page", "retry-after"})


# What is asked -------------------------------------------------------------------------------------------------------


def read_procore(api: ProcoreApi) -> None:
    api.project()
    api.me()
    api.statuses()
    pages = list(api.incident_pages(per_page=2))
    for record in pages[0].records[:1]:
        api.show(Kind.INCIDENT, record.id)
    with suppress(NotFound):
        api.show(Kind.INCIDENT, UNKNOWN_INCIDENT["procore"])
    list(api.record_pages(Kind.INJURY))
    list(api.record_pages(Kind.NEAR_MISS))
    list(api.people_pages())


def read_fourhse(api: FourHseApi) -> None:
    api.project()
    api.office()
    pages = list(api.pages(Kind.INCIDENT))
    for record in pages[0].records[:1]:
        api.show(Kind.INCIDENT, record.id)
    with suppress(NotFound):
        api.show(Kind.INCIDENT, UNKNOWN_INCIDENT["fourhse"])
    list(api.pages(Kind.PERSON))
    list(api.person_office_pages())


# What is kept --------------------------------------------------------------------------------------------------------


class Scrubber:
    """Replaces ids by stand-ins, the same for the same id everywhere, and text by a word. Numbers and dates stay."""

    def __init__(self, ids: Mapping[str, str], addresses: Mapping[str, str]) -> None:
        """`ids` and `addresses` lead from the sandbox's to the stand-ins; the first address that fits counts."""
        self._ids = {real: stand_in for real, stand_in in ids.items() if real}
        self._addresses = addresses

    def request(self, request: Request) -> Request:
        return plain_request(Request(request.method, self._url(request.uri), self._sent(request.body), {}))

    def response(self, response: dict[str, Any]) -> dict[str, Any]:
        headers = {
            name: [self._header(name, value) for value in values]
            for name, values in response["headers"].items()
            if name.lower() in KEPT_HEADERS or name.lower().startswith(("x-rate-limit-", "x-pagination-"))
        }
        content = self._content(response["body"]["string"])
        return {"status": response["status"], "headers": headers, "body": {"string": content}}

    def _content(self, content: bytes) -> bytes:
        if not content.strip():
            return b""
        try:
            return json.dumps(self._value(json.loads(content), "")).encode()
        except ValueError:
            return b"scrubbed"

    def _value(self, value: Any, key: str) -> Any:
        if isinstance(value, dict):
            if value.keys() == {"label", "value"}:
                return value
            return {name: self._value(inner, name) for name, inner in value.items() if name != "custom_fields"}
        if isinstance(value, list):
            return [self._value(inner, key) for inner in value]
        if key == "id" or key.endswith(("_id", "_ids", "_uuid")):
            return self._stand_in(value)
        return "scrubbed" if isinstance(value, str) and value and key not in KEPT_TEXT else value

    def _stand_in(self, value: Any) -> Any:
        if not value or isinstance(value, bool):
            return value
        number = len(self._ids) + 1000
        fresh = str(number) if str(value).isdecimal() else str(UUID(int=number, version=4))
        text = self._ids.setdefault(str(value), fresh)
        return int(text) if isinstance(value, int) else text

    def _sent(self, body: bytes | None) -> bytes | None:
        try:
            return json.dumps(self._known(json.loads(body or b""))).encode()
        except ValueError:
            return body

    def _known(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._known(inner) for name, inner in value.items()}
        return self._ids.get(value, value) if isinstance(value, str) else value

    def _header(self, name: str, value: str) -> str:
        if name.lower() != "link":
            return value
        return ", ".join(self._link(part) for part in value.split(","))

    def _link(self, part: str) -> str:
        address, _, rel = part.strip().removeprefix("<").partition(">")
        return f"<{self._url(address)}>{rel}"

    def _url(self, url: str) -> str:
        real = next((real for real in self._addresses if url.startswith(real)), "")
        url = self._addresses.get(real, "") + url.removeprefix(real)
        address, _, query = url.partition("?")
        address = "/".join(self._ids.get(part, part) for part in address.split("/"))
        pairs = [pair.partition("=") for pair in query.split("&")] if query else []
        asked = "&".join(name + equals + self._known_in(name, value) for name, equals, value in pairs)
        return f"{address}?{asked}" if asked else address

    def _known_in(self, name: str, value: str) -> str:
        return self._ids.get(value, value) if name.endswith("_id") else value


def plain_request(request: Request) -> Request:
    """A request without headers; of a token's form only the grant is left."""
    body = request.body
    if urlsplit(request.uri).path.endswith("/token"):
        grant = parse_qs((body or b"").decode()).get("grant_type", [""])[0]
        body = f"grant_type={grant}".encode()
    return Request(request.method, request.uri, body, {})


def same_body(first: Request, second: Request) -> None:
    assert _meaning(first.body) == _meaning(second.body)


def _meaning(body: bytes | None) -> Any:
    try:
        return json.loads(body or b"null")
    except ValueError:
        return body


# Tapes ---------------------------------------------------------------------------------------------------------------

MATCH_ON = ["method", "scheme", "host", "port", "path", "query", "same body"]


@contextmanager
def player(name: str, folder: Path = CASSETTES) -> Iterator[None]:
    """While open, calls are answered from the cassette and never leave; one that it does not hold fails."""
    tape = vcr.VCR(record_mode="none", match_on=MATCH_ON, before_record_request=plain_request)
    tape.register_matcher("same body", same_body)
    with tape.use_cassette(str(folder / f"{name}.yaml"), allow_playback_repeats=True):
        yield


@contextmanager
def recorder(name: str, folder: Path, scrubber: Scrubber) -> Iterator[None]:
    path = folder / f"{name}.yaml"
    path.unlink(missing_ok=True)
    tape = vcr.VCR(
        record_mode="all",
        decode_compressed_response=True,
        before_record_request=scrubber.request,
        before_record_response=scrubber.response,
    )
    with tape.use_cassette(str(path)):
        yield


def now() -> datetime:
    return datetime.now(UTC)


Environment = Mapping[str, str]
Sleep = Callable[[float], None]


def address(environ: Environment, name: str) -> str:
    return environ.get(name) or API[name]


def record_procore(environ: Environment, folder: Path, sleep: Sleep) -> None:
    company, project = environ["SYNC_PROCORE__COMPANY_ID"], environ["RECORD_PROCORE_PROJECT"]
    names = ("SYNC_PROCORE__API_URL", "SYNC_PROCORE__LOGIN_URL")
    api_url, login_url = (address(environ, name) for name in names)
    token = "/oauth/token"
    addresses = {login_url + token: API[names[1]] + token, api_url: API[names[0]]}
    scrubber = Scrubber({company: COMPANY, project: PROJECT}, addresses)
    secrets = environ["SYNC_PROCORE__CLIENT_ID"], environ["SYNC_PROCORE__CLIENT_SECRET"]
    given = (api_url, login_url, company, *secrets)
    with (
        recorder("procore", folder, scrubber),
        procore_http(*given, clock=now, sleep=sleep, random=random.random) as http,
    ):
        read_procore(ProcoreApi(http, company_id=company, project_id=project))


def record_fourhse(environ: Environment, folder: Path, sleep: Sleep) -> None:
    project, office = environ["RECORD_FOURHSE_PROJECT"], environ["RECORD_FOURHSE_OFFICE"]
    names = ("SYNC_FOURHSE__API_URL", "SYNC_FOURHSE__TOKEN_URL")
    api_url, token_url = (address(environ, name) for name in names)
    addresses = {token_url: API[names[1]], api_url: API[names[0]]}
    scrubber = Scrubber({project: FOURHSE_PROJECT, office: OFFICE}, addresses)
    secret = environ.get("SYNC_FOURHSE__CLIENT_SECRET", "")
    user = environ["SYNC_FOURHSE__USERNAME"], environ["SYNC_FOURHSE__PASSWORD"]
    given = (api_url, token_url, environ["SYNC_FOURHSE__CLIENT_ID"], secret, *user)
    with (
        recorder("fourhse", folder, scrubber),
        fourhse_http(*given, clock=now, sleep=sleep, random=random.random) as http,
    ):
        read_fourhse(FourHseApi(http, project_id=project, office_id=office))


RECORDINGS: Mapping[str, Callable[[Environment, Path, Sleep], None]] = {
    "procore": record_procore,
    "fourhse": record_fourhse,
}


def main(environ: Environment, folder: Path = CASSETTES, sleep: Sleep = time.sleep) -> int:
    """Records each vendor whose credentials are all set; 2 when none is complete."""
    complete = [vendor for vendor, names in NEEDED.items() if all(environ.get(name) for name in names)]
    if not complete:
        wanted = " or ".join(", ".join(names) for names in NEEDED.values())
        sys.stderr.write(f"Nothing was recorded: set {wanted} to those of a sandbox and run it again.\n")
        return 2
    for vendor in complete:
        RECORDINGS[vendor](environ, folder, sleep)
        sys.stderr.write(f"Recorded {folder / vendor}.yaml; read it before you commit it.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(os.environ))
