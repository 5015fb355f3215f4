"""What both registers promise to a reader: the same tests in process, over loopback and from cassettes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import record
from handmade import COMPANY, FOURHSE_PROJECT, NOON, OFFICE, PROJECT, Time, fourhse_at, procore_at
from vcr.errors import CannotOverwriteExistingCassetteException

from procore_4hse.apis import Page
from procore_4hse.clients import FourHseApi, Http, ProcoreApi
from procore_4hse.errors import NotFound
from procore_4hse.models import Kind
from procore_4hse.simulator.fourhse import SimulatedFourHse
from procore_4hse.simulator.procore import SimulatedProcore
from procore_4hse.simulator.wire import Handler, InProcess, LoopbackServer

NAMES = ("Jane", "Roe", "Riverside", "ladder")


def filled_procore(time: Time) -> SimulatedProcore:
    system = SimulatedProcore(clock=time.clock)
    system.add_project(PROJECT, "Riverside", "Pacific Time (US & Canada)", "America/Los_Angeles")
    party = system.add_person(PROJECT, "Jane", "Roe", employee_id="E1", email="jane.roe@example.com")
    incidents = [
        system.hand_create("incident", PROJECT, title=f"Jane Roe fell from ladder {n}", event_date=NOON)
        for n in range(3)
    ]
    for incident in incidents[:2]:
        system.hand_create("injury", PROJECT, incident_id=incident, affected_party_id=party, description="<p>Jane</p>")
    return system


def filled_fourhse(time: Time) -> SimulatedFourHse:
    system = SimulatedFourHse(clock=time.clock)
    system.add_project(FOURHSE_PROJECT, "Riverside")
    system.add_office(FOURHSE_PROJECT, OFFICE, "Riverside")
    person = system.add_person(FOURHSE_PROJECT, OFFICE, "Jane", "Roe", code="E1", tax_code="RSSMRA80A01H501U")
    for day in ("2026-02-26", "2026-02-27", "2026-02-28"):
        incident = system.hand_create("incident", OFFICE, name="Jane Roe on ladder", date_incident=day)
        system.hand_create("incident-person", OFFICE, office_incident_id=incident, person_office_id=person, days=2)
    return system


@pytest.fixture(params=["in process", "over loopback", "from cassettes"])
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def reach(way: str, stack: ExitStack, handler: Handler, cassette: str) -> tuple[str, dict[str, Any]]:
    """The address of a system, and what a client needs to get there."""
    if way == "over loopback":
        return stack.enter_context(LoopbackServer(handler)).url, {}
    if way == "from cassettes":
        stack.enter_context(record.player(cassette))
        return "", {}
    return "https://in-process.example.com", {"transport": InProcess(handler)}


@pytest.fixture
def procore(way: str, time: Time) -> Iterator[ProcoreApi]:
    with ExitStack() as stack:
        url, given = reach(way, stack, filled_procore(time).handle, "procore")
        urls: dict[str, Any] = {} if url else {"login_url": record.API["SYNC_PROCORE__LOGIN_URL"]}
        http = procore_at(url or record.API["SYNC_PROCORE__API_URL"], time, **given, **urls)
        yield ProcoreApi(stack.enter_context(http), company_id=COMPANY, project_id=PROJECT)


@pytest.fixture
def fourhse(way: str, time: Time) -> Iterator[FourHseApi]:
    with ExitStack() as stack:
        url, given = reach(way, stack, filled_fourhse(time).handle, "fourhse")
        urls: dict[str, Any] = {} if url else {"token_url": record.API["SYNC_FOURHSE__TOKEN_URL"]}
        http = fourhse_at(url or record.API["SYNC_FOURHSE__API_URL"], time, **given, **urls)
        yield FourHseApi(stack.enter_context(http), project_id=FOURHSE_PROJECT, office_id=OFFICE)


def check_walk(pages: list[Page], *, parents: frozenset[str] | None = None) -> None:
    """A whole walk: the pages asked for, text ids, none twice, as many as the total says."""
    records = [raw for page in pages for raw in page.records]
    assert [page.asked for page in pages] == list(range(1, len(pages) + 1))
    assert all(page.number == page.asked for page in pages)
    assert [page.is_last for page in pages] == [False] * (len(pages) - 1) + [True]
    assert {page.total for page in pages} == {len(records)}
    assert len({raw.id for raw in records}) == len(records) > 0
    assert all(isinstance(raw.id, str) and isinstance(raw.payload, dict) for raw in records)
    assert all(page.server_date.utcoffset() is not None for page in pages)
    for raw in records:
        assert raw.parent_id is None if parents is None else raw.parent_id in parents


def test_procores_project_has_a_time_zone(procore: ProcoreApi) -> None:
    project = procore.project()
    assert project.get("tz_name") or project.get("time_zone")


def test_procores_account_has_an_id(procore: ProcoreApi) -> None:
    assert isinstance(procore.me()["id"], int)


def test_procores_statuses_are_open_and_closed(procore: ProcoreApi) -> None:
    assert {"open", "closed"} <= {entry["value"] for entry in procore.statuses()}


def test_procores_incidents_and_records_are_walked_whole(procore: ProcoreApi) -> None:
    incidents = list(procore.incident_pages(per_page=2))
    check_walk(incidents)
    assert len(incidents) > 1
    ids = frozenset(raw.id for page in incidents for raw in page.records)
    check_walk(list(procore.record_pages(Kind.INJURY)), parents=ids)
    assert [page.is_last for page in procore.record_pages(Kind.NEAR_MISS)] == [True]
    assert procore.server_date is not None
    assert procore.calls > 4


def test_procores_show_is_the_listed_incident_with_its_records(procore: ProcoreApi) -> None:
    listed = next(procore.incident_pages(per_page=2)).records[0]
    shown = procore.show(Kind.INCIDENT, listed.id).record
    assert (shown.id, shown.payload["title"]) == (listed.id, listed.payload["title"])
    assert isinstance(shown.payload["injuries"], list)
    assert "injuries" not in listed.payload


def test_procore_shows_nothing_for_an_unknown_incident(procore: ProcoreApi) -> None:
    with pytest.raises(NotFound):
        procore.show(Kind.INCIDENT, record.UNKNOWN_INCIDENT["procore"])


def test_procores_people_have_ids(procore: ProcoreApi) -> None:
    assert all(row["id"] for rows in procore.people_pages() for row in rows)


def test_4hses_project_and_office_are_active(fourhse: FourHseApi) -> None:
    assert fourhse.project()["status"] == "active"
    assert fourhse.office()["office_id"] == OFFICE


def test_4hses_incidents_and_persons_are_walked_whole(fourhse: FourHseApi) -> None:
    incidents = list(fourhse.pages(Kind.INCIDENT))
    check_walk(incidents)
    ids = frozenset(raw.id for page in incidents for raw in page.records)
    check_walk(list(fourhse.pages(Kind.PERSON)), parents=ids)
    assert fourhse.server_date is not None
    assert fourhse.calls == 3


def test_4hses_view_is_the_listed_incident(fourhse: FourHseApi) -> None:
    listed = next(fourhse.pages(Kind.INCIDENT)).records[0]
    shown = fourhse.show(Kind.INCIDENT, listed.id).record
    assert (shown.id, shown.payload["name"]) == (listed.id, listed.payload["name"])


def test_4hse_shows_nothing_for_an_unknown_incident(fourhse: FourHseApi) -> None:
    with pytest.raises(NotFound):
        fourhse.show(Kind.INCIDENT, record.UNKNOWN_INCIDENT["fourhse"])


def test_4hses_people_have_their_office_ids(fourhse: FourHseApi) -> None:
    people = [row for rows in fourhse.person_office_pages() for row in rows]
    assert people
    assert {row["office_id"] for row in people} == {OFFICE}


# The cassettes themselves ---------------------------------------------------------------------------------------


def test_recording_without_credentials_says_what_to_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert record.main({"SYNC_PROCORE__CLIENT_ID": "only"}, tmp_path) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert all(name in said for names in record.NEEDED.values() for name in names)
    assert list(tmp_path.iterdir()) == []


def sandbox_settings(procore_url: str, fourhse_url: str) -> dict[str, str]:
    return {
        "SYNC_PROCORE__API_URL": procore_url,
        "SYNC_PROCORE__LOGIN_URL": procore_url,
        "SYNC_PROCORE__COMPANY_ID": str(COMPANY),
        "SYNC_PROCORE__CLIENT_ID": "procore-client",
        "SYNC_PROCORE__CLIENT_SECRET": "procore-secret",
        "RECORD_PROCORE_PROJECT": str(PROJECT),
        "SYNC_FOURHSE__API_URL": fourhse_url,
        "SYNC_FOURHSE__TOKEN_URL": fourhse_url + "/realms/4hse/protocol/openid-connect/token",
        "SYNC_FOURHSE__CLIENT_ID": "4hse-client",
        "SYNC_FOURHSE__USERNAME": "sync@example.com",
        "SYNC_FOURHSE__PASSWORD": "4hse-password",
        "RECORD_FOURHSE_PROJECT": FOURHSE_PROJECT,
        "RECORD_FOURHSE_OFFICE": OFFICE,
    }


def recorded(time: Time, folder: Path) -> dict[str, str]:
    """Cassettes of the simulated systems, as text, with the ids that must not be in them."""
    procore, fourhse = filled_procore(time), filled_fourhse(time)
    with LoopbackServer(procore.handle) as first, LoopbackServer(fourhse.handle) as second:
        assert record.main(sandbox_settings(first.url, second.url), folder, time.sleep) == 0
    return {path.stem: path.read_text() for path in folder.iterdir()}


def test_a_recording_plays_back_and_holds_no_secret_no_name_and_no_id(time: Time, tmp_path: Path) -> None:
    tapes = recorded(time, tmp_path)
    assert tapes.keys() == {"procore", "fourhse"}
    ids = [str(row["id"]) for row in filled_procore(time).dump(PROJECT)]
    ids += [row["office_incident_id"] for row in filled_fourhse(time).dump(OFFICE)]
    for secret in (*NAMES, *ids, "procore-secret", "4hse-password", "Bearer ", "sync@", "RSSMRA", "127.0.0.1"):
        assert secret not in "".join(tapes.values())
    with record.player("procore", tmp_path), cassette_procore(time) as http:
        record.read_procore(ProcoreApi(http, company_id=COMPANY, project_id=PROJECT))
    with record.player("fourhse", tmp_path), cassette_fourhse(time) as http:
        record.read_fourhse(FourHseApi(http, project_id=FOURHSE_PROJECT, office_id=OFFICE))


def cassette_procore(time: Time) -> Http:
    return procore_at(record.API["SYNC_PROCORE__API_URL"], time, login_url=record.API["SYNC_PROCORE__LOGIN_URL"])


def cassette_fourhse(time: Time) -> Http:
    return fourhse_at(record.API["SYNC_FOURHSE__API_URL"], time, token_url=record.API["SYNC_FOURHSE__TOKEN_URL"])


def test_a_call_that_no_cassette_holds_never_leaves(time: Time) -> None:
    with record.player("procore"), cassette_procore(time) as http:
        api = ProcoreApi(http, company_id=COMPANY, project_id=999)
        with pytest.raises(CannotOverwriteExistingCassetteException):
            api.project()
