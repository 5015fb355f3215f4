"""The 4HSE register against the simulated 4HSE, in process and over loopback."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from handmade import FOURHSE_PROJECT, NOON, OFFICE, TOKEN_PATHS, Time, Vendor, fourhse_at

from procore_4hse.apis import Page, RecordAnswer
from procore_4hse.clients import FourHseApi, Http
from procore_4hse.errors import (
    AccessRefused,
    BudgetExhausted,
    NotFound,
    OutcomeUnknown,
    Refused,
    Unavailable,
    VendorError,
)
from procore_4hse.models import Kind, Side
from procore_4hse.simulator.faults import FaultKind, Faults
from procore_4hse.simulator.fourhse import SimulatedFourHse
from procore_4hse.simulator.fourhse_dials import FourHseDials
from procore_4hse.simulator.wire import InProcess, LoopbackServer, Request, Response

OWN_ID = "6d3c1a52-0f3a-5b6f-9b1e-2f7a55a10001"
ROUTINE = {"name": "Fall", "date_incident": "2026-02-28", "category": "ACCIDENTS", "status": "new"}


@dataclass
class Bench:
    """A simulated 4HSE with one office, and our register of it."""

    system: SimulatedFourHse
    faults: Faults
    http: Http
    time: Time
    seen: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.api = FourHseApi(self.http, project_id=FOURHSE_PROJECT, office_id=OFFICE)
        self.faults.on_request.append(self.seen.append)

    def fill(self, count: int) -> list[str]:
        days = [NOON.date() - timedelta(days=count - n) for n in range(count)]
        return [self.system.hand_create("incident", OFFICE, name="Fall", date_incident=str(day)) for day in days]

    @property
    def grants(self) -> list[str]:
        return [request.form()["grant_type"] for request in self.seen if request.path in TOKEN_PATHS]


def ids_of(pages: Iterator[Page]) -> list[str]:
    return [record.id for page in pages for record in page.records]


def system_of(time: Time, **dials: Any) -> tuple[SimulatedFourHse, Faults]:
    faults = Faults(time.clock)
    system = SimulatedFourHse(clock=time.clock, dials=replace(FourHseDials(), **dials), faults=faults)
    system.add_project(FOURHSE_PROJECT, "Rossi Costruzioni")
    system.add_office(FOURHSE_PROJECT, OFFICE, "Riverside")
    return system, faults


def dialled(time: Time, **dials: Any) -> Bench:
    system, faults = system_of(time, **dials)
    return Bench(system, faults, fourhse_at("https://service.4hse.com", time, InProcess(system.handle)), time)


@pytest.fixture(params=["in process", "over loopback"])
def bench(request: pytest.FixtureRequest, time: Time) -> Iterator[Bench]:
    if request.param == "in process":
        yield dialled(time)
        return
    system, faults = system_of(time)
    with LoopbackServer(system.handle) as server, fourhse_at(server.url, time) as http:
        yield Bench(system, faults, http, time)


@pytest.fixture
def quick(time: Time) -> Bench:
    """In process only, for what the transport cannot change."""
    return dialled(time)


# Single records -------------------------------------------------------------------------------------------------


def test_an_incident_is_made_shown_changed_and_deleted(bench: Bench) -> None:
    api = bench.api
    made = api.create(Kind.INCIDENT, {**ROUTINE, "office_incident_id": OWN_ID}, intent_id="i")
    assert (made.record.side, made.record.id, made.record.parent_id) == (Side.FOURHSE, OWN_ID, None)
    assert (made.record.payload["tenant_id"], made.record.payload["subtenant_id"]) == (FOURHSE_PROJECT, OFFICE)
    assert made.server_date == NOON
    assert api.update(Kind.INCIDENT, OWN_ID, {"name": "Slip"}).record.payload["name"] == "Slip"
    shown = api.show(Kind.INCIDENT, OWN_ID).record.payload
    assert (shown["name"], shown["category"], shown["totInvolvedPerson"]) == ("Slip", "ACCIDENTS", 0)
    api.delete(Kind.INCIDENT, OWN_ID)
    with pytest.raises(NotFound):
        api.show(Kind.INCIDENT, OWN_ID)
    assert bench.system.refused == []


def test_an_involved_person_names_the_incident_as_parent(bench: Bench) -> None:
    api = bench.api
    person = bench.system.add_person(FOURHSE_PROJECT, OFFICE, "Ann", "Lee", code="E1")
    incident = api.create(Kind.INCIDENT, ROUTINE, intent_id="i").record.id
    fields = {"office_incident_person_id": OWN_ID, "office_incident_id": incident, "person_office_id": person}
    made = api.create(Kind.PERSON, {**fields, "days": 3}, intent_id="p").record
    assert (made.id, made.parent_id, made.kind) == (OWN_ID, incident, Kind.PERSON)
    assert api.update(Kind.PERSON, OWN_ID, {"days": 5}).record.parent_id == incident
    listed = next(api.pages(Kind.PERSON)).records
    assert [(record.id, record.parent_id, record.payload["days"]) for record in listed] == [(OWN_ID, incident, 5)]
    api.delete(Kind.PERSON, OWN_ID)
    assert ids_of(api.pages(Kind.PERSON)) == []
    assert bench.system.refused == []


def test_the_answers_id_counts_not_the_one_that_was_sent(time: Time) -> None:
    bench = dialled(time, client_id_kept=False)
    made = bench.api.create(Kind.INCIDENT, {**ROUTINE, "office_incident_id": OWN_ID}, intent_id="i")
    assert made.record.id != OWN_ID
    assert bench.api.show(Kind.INCIDENT, made.record.id).record.id == made.record.id


def test_a_record_of_ours_is_always_made_in_our_office(quick: Bench) -> None:
    fields = {**ROUTINE, "tenant_id": "elsewhere", "subtenant_id": "elsewhere"}
    made = quick.api.create(Kind.INCIDENT, fields, intent_id="i").record.payload
    assert (made["tenant_id"], made["subtenant_id"]) == (FOURHSE_PROJECT, OFFICE)


@pytest.mark.parametrize("name", ["manager", "assignee", "watcher", "to"])
def test_what_may_mail_people_is_never_sent(name: str, quick: Bench) -> None:
    with pytest.raises(ValueError, match=name):
        quick.api.create(Kind.INCIDENT, {**ROUTINE, name: None}, intent_id="i")
    with pytest.raises(ValueError, match=name):
        quick.api.update(Kind.INCIDENT, OWN_ID, {name: "[]"})
    assert quick.seen == []


def test_nothing_is_restored_and_no_procore_kind_is_known(quick: Bench) -> None:
    with pytest.raises(ValueError, match="recycle bin"):
        quick.api.restore(Kind.INCIDENT, OWN_ID)
    with pytest.raises(ValueError, match="injury"):
        quick.api.show(Kind.INJURY, OWN_ID)
    with pytest.raises(ValueError, match="injury"):
        next(quick.api.pages(Kind.INJURY))
    assert quick.seen == []


def with_children(bench: Bench) -> str:
    person = bench.system.add_person(FOURHSE_PROJECT, OFFICE, "Ann", "Lee")
    incident = bench.fill(1)[0]
    bench.system.hand_create("incident-person", OFFICE, office_incident_id=incident, person_office_id=person)
    return incident


@pytest.mark.parametrize(("preview_status", "error"), [(400, Refused), (200, OutcomeUnknown)])
def test_only_force_deletes_a_record_with_children(preview_status: int, error: type[VendorError], time: Time) -> None:
    bench = dialled(time, delete_preview_status=preview_status)
    incident = with_children(bench)
    with pytest.raises(error):
        bench.api.delete(Kind.INCIDENT, incident)
    assert bench.api.show(Kind.INCIDENT, incident).record.id == incident
    bench.api.delete(Kind.INCIDENT, incident, force=True)
    assert bench.system.dump(OFFICE) == []
    sent = [dict(request.query)["force"] for request in bench.seen if request.method == "DELETE"]
    assert sent == ["false", "true"]


@pytest.mark.parametrize("status", [204, 200])
def test_a_delete_may_be_answered_with_or_without_a_body(status: int, time: Time) -> None:
    bench = dialled(time, success_status_delete=status)
    bench.api.delete(Kind.INCIDENT, bench.fill(1)[0])
    assert bench.system.dump(OFFICE) == []


@pytest.mark.parametrize(("form", "fields"), [("yii", ("date_closed",)), ("http", ())])
def test_a_refusal_keeps_the_vendors_words_out_of_the_sentence(form: str, fields: tuple[str, ...], time: Time) -> None:
    bench = dialled(time, error_form=form)
    incident = bench.fill(1)[0]
    with pytest.raises(Refused) as caught:
        bench.api.update(Kind.INCIDENT, incident, {"status": "closed"})
    assert caught.value.status == 422
    assert caught.value.words
    assert caught.value.words not in str(caught.value)
    assert caught.value.fields == fields


# Listings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cap", [100, 50, 1000])
def test_the_page_count_ends_the_walk(cap: int, time: Time) -> None:
    bench = dialled(time, page_cap=cap)
    ids = bench.fill(200)
    pages = list(bench.api.pages(Kind.INCIDENT))
    count = 4 if cap == 50 else 2
    assert [(page.asked, page.number, page.is_last, page.total) for page in pages] == [
        (n, n, n == count, 200) for n in range(1, count + 1)
    ]
    assert ids_of(iter(pages)) == ids
    assert {page.server_date for page in pages} == {NOON}
    assert bench.system.refused == []


@pytest.mark.parametrize("tried", [False, True])
def test_where_even_the_usual_page_is_refused_it_is_asked_for_what_4hse_sends_by_itself(
    tried: bool, time: Time
) -> None:
    bench = dialled(time, page_cap=50, larger_page="422")
    ids = bench.fill(120)
    if tried:
        assert bench.api.try_page_sizes() == 50
    for calls in (3 if tried else 4, 3):
        before = bench.system.calls["incident/index"]
        assert ids_of(bench.api.pages(Kind.INCIDENT)) == ids
        assert bench.system.calls["incident/index"] - before == calls


@pytest.mark.parametrize(("cap", "granted", "calls"), [(1000, 1000, 1), (500, 500, 1), (600, 500, 1), (100, 100, 2)])
@pytest.mark.parametrize("larger", ["cut", "422"])
def test_the_largest_page_that_was_granted_is_asked_for(
    cap: int, granted: int, calls: int, larger: str, time: Time
) -> None:
    bench = dialled(time, page_cap=cap, larger_page=larger)
    ids = bench.fill(150)
    assert bench.api.try_page_sizes() == granted
    before = bench.system.calls["incident/index"]
    assert ids_of(bench.api.pages(Kind.INCIDENT)) == ids
    assert bench.system.calls["incident/index"] - before == calls


@pytest.mark.parametrize("larger", ["cut", "stated as asked", "422"])
def test_where_a_page_is_granted_no_longer_the_walk_begins_again_with_the_usual_one(larger: str, time: Time) -> None:
    bench = dialled(time, page_cap=1000)
    ids = bench.fill(150)
    assert bench.api.try_page_sizes() == 1000
    bench.system.dials = replace(bench.system.dials, page_cap=100, larger_page=larger)
    assert ids_of(bench.api.pages(Kind.INCIDENT)) == ids
    before = bench.system.calls["incident/index"]
    assert ids_of(bench.api.pages(Kind.INCIDENT)) == ids
    assert bench.system.calls["incident/index"] - before == 2, "what was granted once is forgotten"


def test_a_sort_may_be_chosen(bench: Bench) -> None:
    ids = bench.fill(5)
    assert ids_of(bench.api.pages(Kind.INCIDENT, sort="-date_incident")) == ids[::-1]


def test_an_empty_office_is_one_empty_page(bench: Bench) -> None:
    page = next(bench.api.pages(Kind.INCIDENT))
    assert (page.records, page.number, page.is_last, page.total) == ((), 1, True, 0)


def test_other_offices_are_left_out(bench: Bench) -> None:
    other = "aaaa5a5e-1d39-4a7c-8f43-7b1d6f3a9e02"
    bench.system.add_office(FOURHSE_PROJECT, other, "Elsewhere")
    bench.system.hand_create("incident", other, name="Fall", date_incident="2026-02-28")
    ids = bench.fill(2)
    assert ids_of(bench.api.pages(Kind.INCIDENT)) == ids


def test_a_listing_that_shrinks_repeats_its_last_page_and_says_so(bench: Bench) -> None:
    ids = bench.fill(300)
    pages = bench.api.pages(Kind.INCIDENT)
    read = [next(pages), next(pages)]
    for gone in ids[:150]:
        bench.system.hand_delete("incident", gone)
    read += pages
    assert [(page.asked, page.number) for page in read] == [(1, 1), (2, 2), (3, 2)]
    assert read[-1].is_last
    assert (read[0].total, read[-1].total) == (300, 150)


def test_a_token_that_expires_in_mid_walk_is_refreshed(bench: Bench) -> None:
    ids = bench.fill(300)
    pages = bench.api.pages(Kind.INCIDENT)
    first = next(pages)
    bench.time.now += timedelta(seconds=300)
    second = next(pages)
    bench.system.end_session()
    assert ids_of(iter([first, second, *pages])) == ids
    assert bench.grants == ["password", "refresh_token", "refresh_token", "password"]
    assert bench.http.calls == 3 + 1 + len(bench.grants)


@pytest.mark.parametrize("rotates", [True, False])
def test_the_session_lives_on_its_refresh_tokens(rotates: bool, time: Time) -> None:
    bench = dialled(time, refresh_token_rotates=rotates)
    for _ in range(5):
        bench.api.office()
        bench.time.now += timedelta(seconds=300)
    bench.time.now += timedelta(seconds=1800)
    bench.api.office()
    assert bench.grants == ["password", *["refresh_token"] * 5, "password"]


def test_eight_threads_share_one_token(bench: Bench) -> None:
    bench.api.office()
    bench.time.now += timedelta(seconds=300)
    together = threading.Barrier(8)
    names: list[str] = []

    def work() -> None:
        together.wait()
        names.append(bench.api.office()["name"])

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert names == ["Riverside"] * 8
    assert bench.grants == ["password", "refresh_token"]


def test_a_wrong_password_is_refused_access(time: Time) -> None:
    system, _ = system_of(time)
    http = fourhse_at("https://service.4hse.com", time, InProcess(system.handle), password="quiet-wrong")
    with pytest.raises(AccessRefused) as caught:
        FourHseApi(http, project_id=FOURHSE_PROJECT, office_id=OFFICE).office()
    assert "fourhse.password" in str(caught.value)
    assert "quiet" not in str(caught.value)


# What surrounds the incidents -----------------------------------------------------------------------------------


def test_the_project_and_the_office(bench: Bench) -> None:
    assert bench.api.project()["status"] == "active"
    assert bench.api.office()["office_type_icon"] == "construction_site"
    assert bench.system.refused == []


def people(bench: Bench, *, history: bool = False) -> list[str]:
    return [row["person_office_id"] for rows in bench.api.person_office_pages(history=history) for row in rows]


def test_people_and_equipment_of_the_office(bench: Bench) -> None:
    ids = [bench.system.add_person(FOURHSE_PROJECT, OFFICE, "Ann", f"Lee {n}", code=f"E{n}") for n in range(120)]
    crane = bench.system.add_equipment(FOURHSE_PROJECT, OFFICE, "Crane")
    bench.system.historicize("person-office", ids[0])
    assert sorted(people(bench)) == sorted(ids[1:])
    assert sorted(people(bench, history=True)) == sorted(ids)
    listed = [row for rows in bench.api.equipment_pages() for row in rows]
    assert [row["office_equipment_id"] for row in listed] == [crane]
    assert bench.system.refused == []


YARD = "9d3f7c57-5f2b-4f6c-8c1a-2f7d1c4b6e10"


def test_the_people_of_the_company_are_those_of_all_its_offices(bench: Bench) -> None:
    here = bench.system.add_person(FOURHSE_PROJECT, OFFICE, "Ann", "Lee", code="E1")
    bench.system.add_office(FOURHSE_PROJECT, YARD, "Harbour")
    bench.system.add_person(FOURHSE_PROJECT, YARD, "Bo", "Diaz", code="E2")
    bench.system.historicize("person-office", here)
    listed = [row for rows in bench.api.company_people_pages() for row in rows]
    assert [(row["code"], row["last_name"]) for row in listed] == [("E2", "Diaz"), ("E1", "Lee")]
    assert bench.system.refused == []


def test_people_of_one_name_change_places_between_pages_and_are_still_all_found_once(quick: Bench) -> None:
    ids = [quick.system.add_person(FOURHSE_PROJECT, OFFICE, f"Ann {n}", "Lee") for n in range(120)]
    rows = people(quick)
    assert len(rows) == len(set(rows))
    assert sorted(rows) == sorted(ids)
    assert quick.system.calls["person-office/index"] > 2


# Faults ---------------------------------------------------------------------------------------------------------

FAULTS = [kind for kind in FaultKind if kind not in (FaultKind.EMPTY, FaultKind.FORBIDDEN)]
DONE = {FaultKind.LOST_ANSWER, FaultKind.ERROR_AFTER, FaultKind.HALF_JSON, FaultKind.OTHER_SCHEMA}
CERTAIN = {FaultKind.TOO_MANY, FaultKind.UNAUTHORIZED}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_listing_gets_over(kind: FaultKind, bench: Bench) -> None:
    ids = bench.fill(150)
    bench.faults.add(kind, path="/v2/incident/index", skip=1)
    assert ids_of(bench.api.pages(Kind.INCIDENT)) == ids
    assert bench.faults.fired[kind] == 1


@pytest.mark.parametrize("kind", FAULTS)
def test_a_create_is_done_at_most_once_under(kind: FaultKind, bench: Bench) -> None:
    bench.faults.add(kind, path="/v2/incident/create")
    outcome: RecordAnswer | VendorError
    try:
        outcome = bench.api.create(Kind.INCIDENT, {**ROUTINE, "office_incident_id": OWN_ID}, intent_id="i")
    except VendorError as error:
        outcome = error
    made = len(bench.system.dump(OFFICE))
    if kind in CERTAIN:
        assert (isinstance(outcome, RecordAnswer), made) == (True, 1)
    else:
        assert (type(outcome), made) == (OutcomeUnknown, int(kind in DONE))
    assert bench.faults.fired[kind] == 1


@pytest.mark.parametrize("rate_headers_sent", [True, False])
def test_a_limit_that_resets_within_a_minute_is_waited_out(rate_headers_sent: bool, time: Time) -> None:
    bench = dialled(time, rate_headers_sent=rate_headers_sent)
    bench.system.set_limit(10)
    for _ in range(30):
        bench.api.show(Kind.INCIDENT, bench.fill(1)[0])
    assert 60 <= sum(bench.time.slept) <= 180


def test_a_lasting_limit_is_an_exhausted_budget(quick: Bench) -> None:
    quick.faults.add(FaultKind.TOO_MANY, times=None, path="/v2/", delay=timedelta(minutes=30))
    with pytest.raises(BudgetExhausted) as caught:
        quick.api.office()
    assert caught.value.resets_at == NOON + timedelta(minutes=30)


# Answers that a real system might give -----------------------------------------------------------------------------


def made_by_hand(vendor: Vendor, *answers: Response) -> FourHseApi:
    vendor.script = list(answers)
    return FourHseApi(vendor.fourhse(), project_id=FOURHSE_PROJECT, office_id=OFFICE)


def rows(start: int, count: int, **fields: Any) -> list[dict[str, Any]]:
    return [{"office_incident_id": f"inc-{n}", **fields} for n in range(start, start + count)]


def test_ids_may_be_numbers_or_short_texts_and_fields_may_be_missing(vendor: Vendor) -> None:
    row = {"office_incident_person_id": 5, "office_incident_id": "inc-1", "days": "3", "brand_new": {"a": None}}
    record = next(made_by_hand(vendor, Response.of(200, [row])).pages(Kind.PERSON)).records[0]
    assert (record.id, record.parent_id, record.payload) == ("5", "inc-1", row)


@pytest.mark.parametrize(
    "body", [[{"name": "no id"}], rows(1, 1, subtenant_id="another-office"), {"data": []}, ["text"], None]
)
def test_a_listing_with_an_unreadable_or_foreign_row_is_unavailable(body: Any, vendor: Vendor) -> None:
    with pytest.raises(Unavailable, match="unreadable"):
        next(made_by_hand(vendor, Response.of(200, body)).pages(Kind.INCIDENT))


@pytest.mark.parametrize("row", ["text", None, {"name": "no id"}, {"office_incident_id": "inc-9", "subtenant_id": 5}])
def test_a_row_without_its_id_or_its_office_is_left_out_and_counted(row: Any, vendor: Vendor) -> None:
    (page,) = made_by_hand(vendor, Response.of(200, [*rows(1, 1), row])).pages(Kind.INCIDENT)
    assert ([record.id for record in page.records], page.odd) == (["inc-1"], 1)


def test_an_office_id_in_capitals_is_still_ours(vendor: Vendor) -> None:
    answer = Response.of(200, rows(1, 1, subtenant_id=OFFICE.upper()))
    assert ids_of(made_by_hand(vendor, answer).pages(Kind.INCIDENT)) == ["inc-1"]


def test_without_pagination_headers_a_page_that_is_not_full_is_the_last(vendor: Vendor) -> None:
    api = made_by_hand(vendor, Response.of(200, rows(0, 100)), Response.of(200, rows(100, 7)))
    pages = list(api.pages(Kind.INCIDENT))
    assert [(page.asked, page.number, page.is_last, page.total) for page in pages] == [
        (1, 1, False, None),
        (2, 2, True, None),
    ]


def test_without_pagination_headers_a_repeated_page_ends_the_walk(vendor: Vendor) -> None:
    api = made_by_hand(vendor, Response.of(200, rows(0, 100)))
    assert len(list(api.pages(Kind.INCIDENT))) == 2


def test_the_page_count_outranks_a_page_that_looks_short(vendor: Vendor) -> None:
    count = {"X-Pagination-Page-Count": "2"}
    api = made_by_hand(vendor, Response.of(200, rows(0, 50), count), Response.of(200, rows(50, 50), count))
    assert [page.is_last for page in api.pages(Kind.INCIDENT)] == [False, True]


def test_a_view_of_another_record_is_unreadable(vendor: Vendor) -> None:
    with pytest.raises(Unavailable, match="unreadable"):
        made_by_hand(vendor, *[Response.of(200, row) for row in rows(8, 1)]).show(Kind.INCIDENT, "inc-7")


def test_without_a_page_count_the_total_ends_the_walk(vendor: Vendor) -> None:
    total = {"X-Pagination-Total-Count": "150", "X-Pagination-Per-Page": "100"}
    api = made_by_hand(vendor, Response.of(200, rows(0, 100), total), Response.of(200, rows(100, 50), total))
    assert [page.is_last for page in api.pages(Kind.INCIDENT)] == [False, True]


def test_paging_and_filter_go_in_the_body(quick: Bench) -> None:
    quick.fill(101)
    list(quick.api.pages(Kind.INCIDENT))
    asked = [request.json() for request in quick.seen if request.path == "/v2/incident/index"]
    assert [body.pop("page") for body in asked] == [1, 2]
    ours = {"tenant_id": FOURHSE_PROJECT, "subtenant_id": OFFICE}
    assert asked == [{"filter": ours, "sort": "date_incident", "per-page": 100}] * 2
