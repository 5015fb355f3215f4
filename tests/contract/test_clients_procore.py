"""The Procore register against the simulated Procore, in process and over loopback."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from handmade import COMPANY, NOON, PROJECT, Time, Vendor, procore_at

from procore_4hse.apis import Page, RecordAnswer
from procore_4hse.clients import Http, ProcoreApi
from procore_4hse.clients.procore import PICKERS
from procore_4hse.errors import (
    AccessRefused,
    BudgetExhausted,
    NotFound,
    OutcomeUnknown,
    Refused,
    Unavailable,
    VendorError,
)
from procore_4hse.models import PROCORE_RECORDS, Kind, Side
from procore_4hse.simulator.faults import FaultKind, Faults
from procore_4hse.simulator.procore import ProcoreDials, SimulatedProcore
from procore_4hse.simulator.wire import InProcess, LoopbackServer, Request, Response

LIST_PATH = f"/rest/v1.0/projects/{PROJECT}/incidents"
ROUTINE = {"title": "Fall from ladder", "event_date": "2026-02-28T18:00:00Z", "time_unknown": False}


@dataclass
class Bench:
    """A simulated Procore with one project, and our register of it."""

    system: SimulatedProcore
    faults: Faults
    http: Http
    time: Time
    seen: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.api = ProcoreApi(self.http, company_id=COMPANY, project_id=PROJECT)
        self.faults.on_request.append(self.seen.append)

    def fill(self, count: int, **fields: Any) -> list[str]:
        given = {"title": "Fall", "event_date": NOON, **fields}
        return [str(self.system.hand_create("incident", PROJECT, **given)) for _ in range(count)]

    def walked(self, **wanted: Any) -> list[str]:
        return ids_of(self.api.incident_pages(**wanted))

    def sent(self, method: str) -> list[Request]:
        return [request for request in self.seen if request.method == method and request.path != "/oauth/token"]


def ids_of(pages: Iterator[Page]) -> list[str]:
    return [record.id for page in pages for record in page.records]


def system_of(time: Time, **dials: Any) -> tuple[SimulatedProcore, Faults]:
    faults = Faults(time.clock)
    system = SimulatedProcore(clock=time.clock, dials=replace(ProcoreDials(), **dials), faults=faults)
    system.add_project(PROJECT, "Riverside", "Pacific Time (US & Canada)", "America/Los_Angeles")
    return system, faults


def dialled(time: Time, **dials: Any) -> Bench:
    system, faults = system_of(time, **dials)
    return Bench(system, faults, procore_at("https://api.procore.com", time, InProcess(system.handle)), time)


@pytest.fixture(params=["in process", "over loopback"])
def bench(request: pytest.FixtureRequest, time: Time) -> Iterator[Bench]:
    if request.param == "in process":
        yield dialled(time)
        return
    system, faults = system_of(time)
    with LoopbackServer(system.handle) as server, procore_at(server.url, time) as http:
        yield Bench(system, faults, http, time)


@pytest.fixture
def quick(time: Time) -> Bench:
    """In process only, for what the transport cannot change."""
    return dialled(time)


# Single records -------------------------------------------------------------------------------------------------


def test_an_incident_is_made_shown_changed_recycled_and_restored(bench: Bench) -> None:
    api = bench.api
    made = api.create(Kind.INCIDENT, ROUTINE, intent_id="intent-1")
    assert (made.record.side, made.record.kind, made.record.parent_id) == (Side.PROCORE, Kind.INCIDENT, None)
    assert made.record.id.isdecimal()
    assert made.server_date == NOON
    assert made.record.payload["title"] == "Fall from ladder"
    changed = api.update(Kind.INCIDENT, made.record.id, {"title": "Fall", "description": None})
    assert changed.record.payload["title"] == "Fall"
    assert api.show(Kind.INCIDENT, made.record.id).record.payload["title"] == "Fall"
    api.delete(Kind.INCIDENT, made.record.id)
    with pytest.raises(NotFound):
        api.show(Kind.INCIDENT, made.record.id)
    assert ids_of(api.recycled_pages(Kind.INCIDENT, ids=[made.record.id, "77"])) == [made.record.id]
    api.restore(Kind.INCIDENT, made.record.id)
    assert api.show(Kind.INCIDENT, made.record.id).record.id == made.record.id
    assert bench.system.refused == []


@pytest.mark.parametrize("kind", PROCORE_RECORDS)
def test_a_record_names_its_incident_as_parent(kind: Kind, bench: Bench) -> None:
    api = bench.api
    incident = api.create(Kind.INCIDENT, ROUTINE, intent_id="i").record.id
    made = api.create(kind, {"incident_id": int(incident), "description": "<p>slipped</p>"}, intent_id="c")
    assert made.record.parent_id == incident
    assert api.update(kind, made.record.id, {"description": "<p>fell</p>"}).record.parent_id == incident
    api.delete(kind, made.record.id, force=True)
    assert ids_of(api.record_pages(kind)) == []
    assert ids_of(api.recycled_pages(kind, ids=[made.record.id])) == [made.record.id]
    assert ids_of(api.recycled_pages(kind, ids=["77"])) == []
    api.restore(kind, made.record.id)
    assert api.show(kind, made.record.id).record.parent_id == incident
    assert bench.system.refused == []


def test_only_a_create_carries_the_intent_and_every_call_the_company(quick: Bench) -> None:
    made = quick.api.create(Kind.INCIDENT, ROUTINE, intent_id="intent-1").record.id
    quick.api.update(Kind.INCIDENT, made, {"title": "Fall"})
    tokens = [request.headers.get("idempotency-token") for request in quick.sent("POST") + quick.sent("PATCH")]
    assert tokens == ["intent-1", None]
    companies = [r.headers.get("procore-company-id") for r in quick.seen if r.path != "/oauth/token"]
    assert set(companies) == {str(COMPANY)}


@pytest.mark.parametrize("name", ["distribution_member_ids", "assignee_ids"])
def test_what_mails_people_is_never_sent(name: str, quick: Bench) -> None:
    with pytest.raises(ValueError, match=name):
        quick.api.create(Kind.INCIDENT, {**ROUTINE, name: [1]}, intent_id="i")
    with pytest.raises(ValueError, match=name):
        quick.api.update(Kind.INCIDENT, "1", {name: []})
    assert quick.seen == []


def test_records_are_never_nested_in_a_change(quick: Bench) -> None:
    with pytest.raises(ValueError, match="injuries"):
        quick.api.update(Kind.INCIDENT, "1", {"injuries": [{"description": "again"}]})
    assert quick.seen == []


def test_procore_has_no_involved_person_of_its_own(quick: Bench) -> None:
    with pytest.raises(ValueError, match="person"):
        quick.api.show(Kind.PERSON, "1")


@pytest.mark.parametrize("form", ["map", "string", "nested"])
@pytest.mark.parametrize("status", [422, 400])
def test_a_refusal_keeps_the_vendors_words_out_of_the_sentence(form: str, status: int, time: Time) -> None:
    bench = dialled(time, error_form=form, validation_status=status)
    with pytest.raises(Refused) as caught:
        bench.api.create(Kind.INCIDENT, {"title": "Fall"}, intent_id="i")
    assert caught.value.status == status
    assert "event_date" in caught.value.words
    assert caught.value.words not in str(caught.value)
    assert ("event_date" in caught.value.fields) == (form != "string")


# Listings -------------------------------------------------------------------------------------------------------


def test_pages_come_oldest_first_and_end_without_a_next_link(bench: Bench) -> None:
    ids = bench.fill(23)
    pages = list(bench.api.incident_pages(per_page=10))
    assert [(page.asked, page.number, page.is_last, page.total) for page in pages] == [
        (1, 1, False, 23),
        (2, 2, False, 23),
        (3, 3, True, 23),
    ]
    assert ids_of(iter(pages)) == ids
    assert {page.server_date for page in pages} == {NOON}
    assert bench.api.incident_total() == 23
    assert bench.system.refused == []


def test_a_full_last_page_is_the_last(bench: Bench) -> None:
    bench.fill(20)
    assert [page.is_last for page in bench.api.incident_pages(per_page=10)] == [False, True]


def test_an_empty_project_is_one_empty_page(bench: Bench) -> None:
    page = next(bench.api.incident_pages())
    assert (page.records, page.is_last, page.total) == ((), True, 0)


def test_pages_are_asked_for_one_by_one(quick: Bench) -> None:
    quick.fill(30)
    pages = quick.api.incident_pages(per_page=10)
    next(pages)
    assert len(quick.sent("GET")) == 1


def test_a_row_that_appears_in_mid_walk_shifts_nothing(bench: Bench) -> None:
    ids = bench.fill(20)
    pages = bench.api.incident_pages(per_page=10)
    first = next(pages)
    late = bench.fill(1)
    assert ids_of(iter([first, *pages])) == ids + late


def test_a_row_that_vanishes_in_mid_walk_shows_in_the_totals(bench: Bench) -> None:
    ids = bench.fill(20)
    pages = bench.api.incident_pages(per_page=10)
    first = next(pages)
    bench.system.hand_delete("incident", int(ids[0]))
    rest = list(pages)
    assert (first.total, rest[-1].total) == (20, 19)
    assert len(ids_of(iter([first, *rest]))) == 19


def test_a_token_that_expires_in_mid_walk_is_renewed(bench: Bench) -> None:
    ids = bench.fill(30)
    pages = bench.api.incident_pages(per_page=10)
    first = next(pages)
    bench.system.expire_tokens()
    second = next(pages)
    bench.time.now += timedelta(seconds=5400)
    assert ids_of(iter([first, second, *pages])) == ids
    assert bench.system.calls["POST /oauth/token"] == 3
    assert bench.http.calls == 7


def test_changes_creations_and_days_are_asked_for_as_ranges(bench: Bench) -> None:
    old = bench.fill(1, event_date=NOON - timedelta(days=400))
    bench.time.now += timedelta(hours=2)
    new = bench.fill(1)
    bench.system.hand_edit("incident", int(old[0]), title="Fall again")
    later = bench.time.now + timedelta(minutes=1)
    assert bench.walked(updated=(NOON + timedelta(hours=1), later)) == old + new
    assert bench.walked(created=(NOON + timedelta(hours=1), later)) == new
    assert bench.walked(event_days=(date(2026, 2, 1), date(2026, 3, 31))) == new
    assert bench.system.refused == []
    ranges = [dict(request.query) for request in bench.sent("GET")]
    assert ranges[0]["filters[updated_at]"] == "2026-03-01T13:00:00Z...2026-03-01T14:01:00Z"
    assert ranges[2]["filters[event_date]"] == "2026-02-01...2026-03-31"


def test_an_offset_becomes_utc_in_a_range(quick: Bench) -> None:
    start = datetime.fromisoformat("2026-03-01T01:00:00-08:00")
    quick.walked(updated=(start, start + timedelta(hours=1)))
    query = dict(quick.sent("GET")[0].query)
    assert query["filters[updated_at]"] == "2026-03-01T09:00:00Z...2026-03-01T10:00:00Z"


def test_incidents_of_unknown_time_are_found_when_the_plain_listing_hides_them(time: Time) -> None:
    bench = dialled(time, time_unknown_default_hides=True)
    known = bench.fill(2)
    unknown = bench.fill(1, time_unknown=True)
    assert bench.walked() == known
    assert bench.walked(time_unknown=True) == unknown
    assert (bench.api.incident_total(), bench.api.incident_total(time_unknown=True)) == (2, 1)


def test_ids_are_asked_for_in_calls_that_fit_and_none_asks_for_nothing(bench: Bench) -> None:
    ids = bench.fill(250)
    assert bench.walked(ids=ids[:230]) == ids[:230]
    assert len(bench.sent("GET")) == 3
    assert bench.walked(ids=[]) == []
    assert ids_of(bench.api.recycled_pages(Kind.INCIDENT, ids=[])) == []
    assert ids_of(bench.api.recycled_pages(Kind.INJURY, ids=[])) == []
    assert len(bench.sent("GET")) == 3
    assert bench.system.refused == []


@pytest.mark.parametrize("cap", [1000, 100])
def test_record_lists_are_walked_whatever_their_page_holds(cap: int, time: Time) -> None:
    bench = dialled(time, child_page_cap=cap)
    first, second = (int(incident) for incident in bench.fill(2))
    for incident in (first, second) * 60:
        bench.system.hand_create("near_miss", PROJECT, incident_id=incident, description="slip")
    pages = list(bench.api.record_pages(Kind.NEAR_MISS))
    assert len(pages) == (1 if cap == 1000 else 2)
    assert Counter(r.parent_id for page in pages for r in page.records) == {str(first): 60, str(second): 60}
    assert {page.total for page in pages} == {120}
    chosen = [record.id for record in pages[0].records[:3]]
    picked = list(bench.api.record_pages(Kind.NEAR_MISS, ids=chosen))
    assert (ids_of(iter(picked)), picked[0].total) == (chosen, None)
    assert len(ids_of(bench.api.record_pages(Kind.NEAR_MISS, incident_id=str(first)))) == 60
    assert bench.system.refused == []


def test_the_bin_is_closed_to_an_account_without_admin_rights(bench: Bench) -> None:
    bench.system.service_account_is_admin = False
    with pytest.raises(AccessRefused):
        ids_of(bench.api.recycled_pages(Kind.INCIDENT, ids=["1"]))


# What surrounds the incidents -----------------------------------------------------------------------------------


def test_the_project_the_account_and_the_settings(bench: Bench) -> None:
    assert bench.api.project()["tz_name"] == "America/Los_Angeles"
    assert bench.api.me()["id"] == bench.system.account.user_id
    assert bench.api.configuration()["private_by_default"] is False
    assert [entry["value"] for entry in bench.api.statuses()] == ["open", "closed"]
    assert bench.system.refused == []


@pytest.mark.parametrize("name", PICKERS)
def test_every_word_list_is_read_whole(name: str, time: Time) -> None:
    bench = dialled(time, child_page_cap=100)
    if name == "hazards":
        bench.system.add_word("hazards", "Retired hazard", active=False)
    entries = bench.api.picker(name)
    assert entries
    keys = [entry.get("id") or entry.get("value") for entry in entries]
    assert len(set(keys)) == len(keys)
    assert ("Retired hazard" in [entry.get("name") for entry in entries]) == (name == "hazards")
    assert bench.system.refused == []


@pytest.mark.parametrize("name", PICKERS)
def test_a_list_that_must_be_whole_is_the_same_list(name: str, time: Time) -> None:
    bench = dialled(time, child_page_cap=100)
    assert bench.api.whole_picker(name) == bench.api.picker(name)


def test_a_list_of_which_a_page_is_missing_is_not_whole(bench: Bench) -> None:
    for number in range(1000):
        bench.system.add_word("hazards", f"Hazard {number}")
    bench.faults.add(FaultKind.EMPTY, path="hazards", skip=1)
    with pytest.raises(Unavailable, match="a part of its list of hazards"):
        bench.api.whole_picker("hazards")
    assert len(bench.api.whole_picker("hazards")) > 1000


def test_what_records_use_is_asked_by_kind_and_field(bench: Bench) -> None:
    burn = bench.system.words("affliction_types")["Burn"]
    (incident,) = bench.fill(1)
    bench.system.hand_create("injury", PROJECT, incident_id=int(incident), affliction_type_id=burn)
    assert bench.api.filter_options(Kind.INJURY, "affliction_types") == [{"key": str(burn), "value": "Burn"}]
    assert bench.api.filter_options(Kind.NEAR_MISS, "harm_sources") == []
    assert bench.system.refused == []


def test_people_with_and_without_an_account(bench: Bench) -> None:
    full = bench.system.add_person(PROJECT, "Ann", "Lee", employee_id="E1")
    reference = bench.system.add_person(PROJECT, "Bo", "Kay", full_user=False)
    people = [row["id"] for rows in bench.api.people_pages() for row in rows]
    assert sorted(people) == sorted([full, reference])
    assert bench.system.refused == []


# Faults ---------------------------------------------------------------------------------------------------------

FAULTS = [kind for kind in FaultKind if kind not in (FaultKind.EMPTY, FaultKind.FORBIDDEN)]


@pytest.mark.parametrize("kind", FAULTS)
def test_a_listing_gets_over(kind: FaultKind, bench: Bench) -> None:
    ids = bench.fill(20)
    bench.faults.add(kind, path=LIST_PATH, skip=1)
    assert bench.walked(per_page=10) == ids
    assert bench.faults.fired[kind] == 1


DONE = {FaultKind.LOST_ANSWER, FaultKind.ERROR_AFTER, FaultKind.HALF_JSON, FaultKind.OTHER_SCHEMA}
CERTAIN = {FaultKind.TOO_MANY, FaultKind.UNAUTHORIZED}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_create_is_done_at_most_once_under(kind: FaultKind, bench: Bench) -> None:
    bench.faults.add(kind, method="POST", path=LIST_PATH, times=1)
    outcome: RecordAnswer | VendorError
    try:
        outcome = bench.api.create(Kind.INCIDENT, ROUTINE, intent_id="i")
    except VendorError as error:
        outcome = error
    made = len(bench.system.dump(PROJECT))
    if kind in CERTAIN:
        assert (isinstance(outcome, RecordAnswer), made) == (True, 1)
    else:
        assert (type(outcome), made) == (OutcomeUnknown, int(kind in DONE))
    assert bench.faults.fired[kind] == 1


def test_a_server_that_is_gone_is_unavailable_to_reads_and_writes(time: Time) -> None:
    with LoopbackServer(lambda request: Response(500)) as server:
        url = server.url
    with procore_at(url, time) as http:
        api = ProcoreApi(http, company_id=COMPANY, project_id=PROJECT)
        with pytest.raises(Unavailable):
            api.project()
        with pytest.raises(Unavailable):
            api.create(Kind.INCIDENT, ROUTINE, intent_id="i")


def test_the_ten_second_window_is_waited_out_and_the_hour_is_not(bench: Bench) -> None:
    ids = bench.fill(40)
    bench.system.set_limits(hour=600, spike=10)
    assert bench.walked(per_page=2) == ids
    assert 0 < max(bench.time.slept) <= 10.0
    bench.time.slept.clear()
    bench.system.set_limits(hour=15, spike=10)
    pages = bench.api.incident_pages(per_page=2)
    with pytest.raises(BudgetExhausted) as caught:
        list(pages)
    assert caught.value.resets_at > bench.time.now + timedelta(minutes=50)
    assert bench.api.create(Kind.INCIDENT, ROUTINE, intent_id="i").record.id


@pytest.mark.parametrize("rate_headers_sent", [True, False])
@pytest.mark.parametrize("retry_after_on_429", [True, False])
def test_a_429_is_survived_whatever_headers_come(rate_headers_sent: bool, retry_after_on_429: bool, time: Time) -> None:
    bench = dialled(time, rate_headers_sent=rate_headers_sent, retry_after_on_429=retry_after_on_429)
    bench.fill(20)
    bench.system.set_limits(hour=10**6, spike=4)
    assert len(bench.walked(per_page=2)) == 20


# Answers that a real system might give -----------------------------------------------------------------------------


def made_by_hand(vendor: Vendor, *answers: Response) -> ProcoreApi:
    vendor.script = list(answers)
    return ProcoreApi(vendor.procore(), company_id=COMPANY, project_id=PROJECT)


@pytest.mark.parametrize("incident_id", [598134325870420, "598134325870420"])
def test_ids_may_be_numbers_or_strings_and_fields_may_be_missing(incident_id: Any, vendor: Vendor) -> None:
    row = {"id": incident_id, "incident_id": incident_id, "brand_new_field": {"a": None}, "title": None}
    api = made_by_hand(vendor, Response.of(200, [row]))
    record = next(api.record_pages(Kind.INJURY)).records[0]
    assert (record.id, record.parent_id, record.payload) == ("598134325870420", "598134325870420", row)
    api = made_by_hand(vendor, Response.of(200, row))
    assert api.show(Kind.INCIDENT, "598134325870420").record.id == "598134325870420"


@pytest.mark.parametrize("rows", [[{"title": "no id"}], [{"id": None}], ["text"], {"data": []}, "[]", None])
def test_a_listing_with_an_unreadable_item_is_unavailable(rows: Any, vendor: Vendor) -> None:
    api = made_by_hand(vendor, Response.of(200, rows))
    with pytest.raises(Unavailable, match="unreadable"):
        next(api.incident_pages())


@pytest.mark.parametrize("row", ["text", None, [], {"title": "no id"}, {"id": {}}])
def test_a_row_that_says_not_which_record_it_is_is_left_out_and_counted(row: Any, vendor: Vendor) -> None:
    (page,) = made_by_hand(vendor, Response.of(200, [{"id": 1}, row, {"id": 2}])).incident_pages()
    assert ([record.id for record in page.records], page.odd) == (["1", "2"], 1)


def test_a_show_of_another_record_is_unreadable(vendor: Vendor) -> None:
    with pytest.raises(Unavailable, match="unreadable"):
        made_by_hand(vendor, Response.of(200, {"id": 8})).show(Kind.INCIDENT, "7")


def test_a_write_answered_without_an_id_has_an_unknown_outcome(vendor: Vendor) -> None:
    with pytest.raises(OutcomeUnknown):
        made_by_hand(vendor, Response.of(201, {"title": "Fall"})).create(Kind.INCIDENT, ROUTINE, intent_id="i")
    with pytest.raises(OutcomeUnknown):
        made_by_hand(vendor, Response.of(200, {"id": 8})).update(Kind.INCIDENT, "7", {"title": "Fall"})


def page_answer(vendor: Vendor, *, link: str | None = None, rows: int = 2, **headers: str) -> Response:
    first = 10 * len(vendor.requests)
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response.of(
        200, [{"id": first + n} for n in range(1, rows + 1)], given | ({"Link": link} if link is not None else {})
    )


def link_to(rel: str, page: int) -> str:
    return f'<https://elsewhere.example.com{LIST_PATH}?sort=number&page={page}&per_page=2>; rel="{rel}"'


def test_the_next_page_is_asked_of_our_own_address_by_number(vendor: Vendor) -> None:
    api = made_by_hand(
        vendor,
        page_answer(vendor, link=f"{link_to('next', 2)}, {link_to('last', 2)}"),
        page_answer(vendor, link=f"{link_to('first', 1)}, {link_to('prev', 1)}"),
    )
    pages = list(api.incident_pages(per_page=2))
    assert [(page.asked, page.number, page.is_last) for page in pages] == [(1, 1, False), (2, 2, True)]
    assert {request.path for request in vendor.requests} == {LIST_PATH}


def test_a_short_page_with_a_next_link_is_not_the_last(vendor: Vendor) -> None:
    api = made_by_hand(
        vendor, page_answer(vendor, rows=1, link=link_to("next", 2)), page_answer(vendor, link=link_to("prev", 1))
    )
    assert [page.is_last for page in api.incident_pages(per_page=1000)] == [False, True]


def test_a_page_that_is_not_the_one_asked_for_says_so(vendor: Vendor) -> None:
    api = made_by_hand(
        vendor, page_answer(vendor, link=link_to("next", 3)), page_answer(vendor, link=link_to("prev", 2))
    )
    pages = list(api.incident_pages(per_page=2))
    assert [(page.asked, page.number) for page in pages] == [(1, 2), (3, 3)]


def test_a_listing_that_leads_back_to_itself_is_unavailable(vendor: Vendor) -> None:
    api = made_by_hand(vendor, page_answer(vendor, link=link_to("next", 1)))
    with pytest.raises(Unavailable):
        list(api.incident_pages(per_page=2))
    assert len(vendor.requests) == 1


def test_without_any_link_header_the_total_says_whether_more_follows(vendor: Vendor) -> None:
    api = made_by_hand(vendor, page_answer(vendor, Total="3"), page_answer(vendor, rows=1, Total="3"))
    assert [page.is_last for page in api.incident_pages(per_page=2)] == [False, True]
    api = made_by_hand(vendor, page_answer(vendor, Total="none"))
    page = next(api.incident_pages(per_page=2))
    assert (page.is_last, page.total) == (True, None)
    assert made_by_hand(vendor, page_answer(vendor)).incident_total() is None
