"""4HSE by a personal token: it travels in the address of each call, and shows nowhere else."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import structlog
from handmade import FOURHSE_PROJECT, OFFICE, Time, Vendor, fourhse_at

from procore_4hse.clients import FourHseApi
from procore_4hse.errors import AccessRefused, ConfigurationError, Refused, SyncError, Unavailable
from procore_4hse.models import Kind
from procore_4hse.simulator.fourhse import SimulatedFourHse
from procore_4hse.simulator.wire import Dropped, Handler, InProcess, Request, Response

TOKEN = "Geheim+Zeichen/4711=="
FORMS = (TOKEN, "Geheim%2BZeichen%2F4711%3D%3D")
URL = "https://service.4hse.com"


@pytest.fixture
def time() -> Time:
    return Time()


def api_of(handler: Handler, time: Time, token: str = TOKEN) -> FourHseApi:
    http = fourhse_at(URL, time, InProcess(handler), access_token=token, username="", password="", client_id="")
    return FourHseApi(http, project_id=FOURHSE_PROJECT, office_id=OFFICE)


def system_of(time: Time) -> SimulatedFourHse:
    system = SimulatedFourHse(clock=time.clock, personal_token=TOKEN)
    system.add_project(FOURHSE_PROJECT, "Rossi Costruzioni")
    system.add_office(FOURHSE_PROJECT, OFFICE, "Riverside")
    return system


def test_every_call_bears_it_in_the_address_and_nobody_signs_in(time: Time) -> None:
    system, seen = system_of(time), []

    def handle(request: Request) -> Response:
        seen.append(request)
        return system.handle(request)

    api = api_of(handle, time)
    made = api.create(
        Kind.INCIDENT, {"name": "Fall", "date_incident": "2026-02-10", "status": "new"}, intent_id="i"
    ).record
    api.update(Kind.INCIDENT, made.id, {"name": "Slip"})
    assert [record.id for page in api.pages(Kind.INCIDENT) for record in page.records] == [made.id]
    api.delete(Kind.INCIDENT, made.id)
    assert {dict(request.query)["access-token"] for request in seen} == {TOKEN}
    assert not any("authorization" in request.headers for request in seen)
    assert (system.calls["token"], system.refused) == (0, [])


def quoting(status: int) -> Handler:
    """An answer that quotes the address of the call, as error pages do."""
    return lambda request: Response(
        status,
        f"No answer for {request.path}?access-token={TOKEN} ({FORMS[1]})".encode(),
        {"Content-Type": "text/html"},
    )


def dropped(_: Request) -> Response:
    raise Dropped


FAILURES: dict[str, tuple[Handler, type[SyncError]]] = {
    "refused": (quoting(422), Refused),
    "an error page": (quoting(503), Unavailable),
    "not accepted": (quoting(401), AccessRefused),
    "no answer": (dropped, Unavailable),
}


@pytest.mark.parametrize(("handler", "error"), FAILURES.values(), ids=FAILURES)
def test_it_stands_in_no_error_no_log_and_no_word_that_is_kept(
    time: Time, handler: Handler, error: type[SyncError], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with structlog.testing.capture_logs() as lines, pytest.raises(error) as caught:
        api_of(handler, time).office()
    kept: list[Any] = [caught.value, repr(caught.value), vars(caught.value), lines]
    causes: list[BaseException] = [caught.value]
    while (cause := causes[-1].__cause__) is not None:
        causes.append(cause)
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("procore_4hse")]
    told = " ".join(str(each) for each in (*kept, *causes, *ours))
    assert [form for form in FORMS if form in told] == []
    assert lines


def test_one_that_is_not_accepted_is_named_by_its_setting(time: Time) -> None:
    with pytest.raises(AccessRefused, match=r"fourhse\.access_token") as caught:
        api_of(system_of(time).handle, time, token="another one").office()
    assert "another one" not in str(caught.value)
    assert caught.value.exit_code == 3


def test_it_never_leaves_in_the_open(time: Time) -> None:
    with pytest.raises(ConfigurationError):
        fourhse_at("http://service.4hse.com", time, InProcess(Vendor(time)), access_token=TOKEN)
