"""The simulated 4HSE behaves as the vendor's documents say, with every open question as a dial."""

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from kept_texts import ODD, ODD_KEPT
from procore_4hse.simulator.faults import FaultKind, Faults
from procore_4hse.simulator.fourhse import SimulatedFourHse
from procore_4hse.simulator.fourhse_contract import ENTITIES
from procore_4hse.simulator.fourhse_dials import FourHseDials
from procore_4hse.simulator.kept_text import KeptText
from procore_4hse.simulator.wire import InProcess, LoopbackServer

TOKEN_URL = "https://auth.4hse.com/realms/4hse/protocol/openid-connect/token"
PASSWORD_GRANT = {
    "grant_type": "password",
    "client_id": "4hse-client",
    "client_secret": "",
    "username": "sync@example.com",
    "password": "4hse-password",
}
PROJECT = "a0000000-0000-4000-8000-000000000001"
OFFICE = "b0000000-0000-4000-8000-000000000001"
OTHER_OFFICE = "b0000000-0000-4000-8000-000000000002"
GIVEN_ID = "c0000000-0000-4000-8000-000000000001"
PLACE = {"tenant_id": PROJECT, "subtenant_id": OFFICE}
OLD = {"code": "N-1", "category": "ACCIDENTS", "description_event": "Fell.", "status": "open"}
FALL = {"name": "Fall", "date_incident": "2026-03-01", "category": "ACCIDENTS", **PLACE}


class Site:
    """A simulated 4HSE with a project, two offices and a person, and a client that is signed in."""

    def __init__(self, faults: bool = False, **dials: Any) -> None:
        self.now = datetime(2026, 3, 1, 8, 0, 0, 700_000, tzinfo=UTC)
        self.faults = Faults(self.clock) if faults else None
        self.system = SimulatedFourHse(clock=self.clock, dials=FourHseDials(**dials), faults=self.faults, seed=7)
        self.system.add_project(PROJECT, "Acme")
        self.system.add_office(PROJECT, OFFICE, "North site")
        self.system.add_office(PROJECT, OTHER_OFFICE, "South site")
        self.ada = self.system.add_person(PROJECT, OFFICE, "Ada", "Rossi", code="A1", tax_code="RSS")
        self.client = httpx.Client(transport=InProcess(self.system.handle), base_url="https://service.4hse.com")
        self.sign_in()

    def clock(self) -> datetime:
        return self.now

    def wait(self, **span: float) -> None:
        self.now += timedelta(**span)

    def token(self, **changed: str) -> httpx.Response:
        return self.client.post(TOKEN_URL, data=PASSWORD_GRANT | changed)

    def sign_in(self) -> dict[str, Any]:
        tokens: dict[str, Any] = self.token().json()
        self.client.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        return tokens

    def index(self, entity: str = "incident", **body: Any) -> httpx.Response:
        return self.client.post(f"/v2/{entity}/index", json=body)

    def create(self, entity: str = "incident", **sent: Any) -> httpx.Response:
        return self.client.post(f"/v2/{entity}/create", json=FALL | sent if entity == "incident" else PLACE | sent)

    def update(self, row_id: str, entity: str = "incident", **sent: Any) -> httpx.Response:
        return self.client.put(f"/v2/{entity}/update/{row_id}", json=sent)

    def view(self, row_id: str, entity: str = "incident") -> httpx.Response:
        return self.client.get(f"/v2/{entity}/view/{row_id}")

    def delete(self, row_id: str, entity: str = "incident", **query: str) -> httpx.Response:
        return self.client.delete(f"/v2/{entity}/delete/{row_id}", params=query)

    def hand(self, **changed: Any) -> str:
        return self.system.hand_create("incident", OFFICE, **{"name": "Fall", "date_incident": "2026-03-01", **changed})

    def involve(self, incident_id: str, days: int | None = None) -> str:
        link = {"office_incident_id": incident_id, "person_office_id": self.ada, "days": days}
        return self.system.hand_create("incident-person", OFFICE, **link)


def ids(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [row["office_incident_id"] for row in answer.json()]


def paging(answer: httpx.Response) -> tuple[int, ...]:
    names = ("Current-Page", "Page-Count", "Per-Page", "Total-Count")
    return tuple(int(answer.headers[f"X-Pagination-{name}"]) for name in names)


@pytest.fixture
def site() -> Site:
    return Site()


class TestTokens:
    def test_a_token_is_good_for_its_lifetime(self, site: Site) -> None:
        assert site.sign_in()["expires_in"] == 300
        site.wait(seconds=299)
        assert site.index().status_code == 200
        site.wait(seconds=1)
        assert site.index().status_code == 401
        assert site.system.refused == []

    def test_no_token_is_401_in_the_form_of_the_api(self, site: Site) -> None:
        answer = site.client.post("/v2/incident/index", headers={"Authorization": ""})
        assert answer.status_code == 401
        assert set(answer.json()) == {"name", "message", "code", "status"}

    @pytest.mark.parametrize(
        ("changed", "status", "error"),
        [
            ({"client_id": "someone"}, 401, "invalid_client"),
            ({"client_secret": "wrong"}, 401, "invalid_client"),
            ({"password": "wrong"}, 400, "invalid_grant"),
            ({"grant_type": "refresh_token", "refresh_token": "none"}, 400, "invalid_grant"),
            ({"grant_type": "client_credentials"}, 400, "unsupported_grant_type"),
        ],
    )
    def test_refused_credentials(self, site: Site, changed: dict[str, str], status: int, error: str) -> None:
        answer = site.token(**changed)
        assert (answer.status_code, answer.json()["error"]) == (status, error)

    @pytest.mark.parametrize(("rotates", "second_time"), [(True, 400), (False, 200)])
    def test_a_refresh_token_works_once_or_often(self, rotates: bool, second_time: int) -> None:
        site = Site(refresh_token_rotates=rotates)
        refresh = site.sign_in()["refresh_token"]
        site.wait(seconds=400)
        grant = {"grant_type": "refresh_token", "refresh_token": refresh}
        first = site.token(**grant)
        site.client.headers["Authorization"] = f"Bearer {first.json()['access_token']}"
        assert site.index().status_code == 200
        assert site.token(**grant).status_code == second_time

    def test_a_refresh_token_expires(self, site: Site) -> None:
        tokens = site.sign_in()
        assert tokens["refresh_expires_in"] == 1800
        site.wait(seconds=1800)
        answer = site.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
        assert answer.json() == {"error": "invalid_grant", "error_description": "Token is not active"}

    def test_an_ended_session_is_401(self, site: Site) -> None:
        site.system.end_session()
        assert site.index().status_code == 401


class TestPages:
    def test_a_page_past_the_end_is_the_last_page_again(self, site: Site) -> None:
        made = {site.hand(date_incident=f"2026-01-{day:02}") for day in range(1, 6)}
        second = site.index(**{"per-page": 3, "page": 2, "sort": "date_incident"})
        beyond = site.index(**{"per-page": 3, "page": 9, "sort": "date_incident"})
        assert beyond.json() == second.json()
        assert paging(beyond) == (2, 2, 3, 5)
        first = site.index(**{"per-page": 3, "sort": "date_incident"})
        assert {*ids(first), *ids(second)} == made

    def test_nothing_found_is_page_one_of_none(self, site: Site) -> None:
        answer = site.index()
        assert answer.json() == []
        assert paging(answer) == (1, 0, 100, 0)

    @pytest.mark.parametrize("cap", [100, 50, 1000])
    def test_a_large_page_is_cut_without_a_word(self, cap: int) -> None:
        assert paging(Site(page_cap=cap).index(**{"per-page": 5000}))[2] == cap

    def test_rows_of_one_day_come_in_another_order_each_time(self, site: Site) -> None:
        for _ in range(12):
            site.hand()
        site.hand(date_incident="2026-02-01")
        seen = [tuple(ids(site.index(sort="-date_incident"))) for _ in range(4)]
        assert len(set(seen)) > 1
        assert len({order[-1] for order in seen}) == 1

    def test_order_by_a_joined_name(self, site: Site) -> None:
        bob = site.system.add_person(PROJECT, OFFICE, "Bob", "Bianchi")
        incident = site.hand()
        for person in (site.ada, bob):
            site.system.hand_create("incident-person", OFFICE, office_incident_id=incident, person_office_id=person)
        answer = site.index("incident-person", sort="-person_first_name")
        assert [row["person_first_name"] for row in answer.json()] == ["Bob", "Ada"]
        assert site.system.refused == []


class TestFilters:
    @pytest.mark.parametrize(
        ("wanted", "names"),
        [
            ({"name": "FALL"}, {"Fall from ladder", "Fall, again"}),
            ({"name": "fall", "status": "open"}, {"Fall, again"}),
            ({"status": "ope"}, set()),
            ({"code": "N-1"}, {"Fall from ladder"}),
            ({"code": "N"}, set()),
            ({"office_name": "north"}, {"Fall from ladder", "Fall, again", "Cut"}),
            ({"totInvolvedPerson": 1}, {"Cut"}),
            ({"date_incident": "2026-03-01"}, {"Fall from ladder", "Fall, again", "Cut"}),
            ({"name": "", "code": None}, {"Fall from ladder", "Fall, again", "Cut"}),
            ({"subtenant_id": OTHER_OFFICE}, set()),
        ],
    )
    def test_names_in_part_and_the_rest_whole(self, site: Site, wanted: dict[str, Any], names: set[str]) -> None:
        site.hand(name="Fall from ladder", code="N-1")
        site.hand(name="Fall, again", status="open")
        site.involve(site.hand(name="Cut"))
        assert {row["name"] for row in site.index(filter=wanted).json()} == names
        assert site.system.refused == []

    def test_tax_code_whole_and_person_names_in_part(self, site: Site) -> None:
        for wanted, count in (({"tax_code": "RS"}, 0), ({"tax_code": "RSS"}, 1), ({"last_name": "oss"}, 1)):
            assert len(site.index("person", filter=wanted).json()) == count

    def test_code_may_be_searched_in_part(self) -> None:
        site = Site(code_filter="partial")
        site.hand(code="N-1")
        assert len(site.index(filter={"code": "n-"}).json()) == 1

    @pytest.mark.parametrize("body", [{"filter": {"severity": "high"}}, {"sort": "severity"}])
    @pytest.mark.parametrize(("answer", "status"), [("ignored", 200), ("422", 422)])
    def test_unknown_names_are_ignored_or_refused(self, body: dict[str, Any], answer: Any, status: int) -> None:
        site = Site(unknown_filter=answer, unknown_sort=answer)
        site.hand()
        got = site.index(**body)
        assert got.status_code == status
        assert len(got.json()) == 1
        assert len(site.system.refused) == 1

    def test_an_unknown_top_level_name_is_ignored_and_noted(self, site: Site) -> None:
        assert site.index(per_page=5).status_code == 200
        assert site.system.refused == ["POST /v2/incident/index: unknown name per_page"]

    @pytest.mark.parametrize(
        "body",
        [
            {"page": "1"},
            {"page": 0},
            {"per-page": True},
            {"per-page": 0},
            {"filter": []},
            {"sort": 1},
            {"history": "true"},
            {"filter": {"date_incident": "1 March"}},
            {"filter": {"name": {"like": "x"}}},
            {"filter": {"status": ["open", "new"]}},
            {"filter": {"totSicknessDays": "3"}},
        ],
    )
    def test_a_wrong_type_is_refused(self, site: Site, body: dict[str, Any]) -> None:
        assert site.index(**body).status_code == 422
        assert len(site.system.refused) == 1

    def test_every_published_entity_lists_and_shows_what_it_holds(self, site: Site) -> None:
        incident = site.hand()
        link = {"office_incident_id": incident}
        material = site.system.hand_create("material", OFFICE, name="Gloves")
        action = site.system.hand_create("action", OFFICE, name="Course")
        site.system.add_equipment(PROJECT, OFFICE, "Crane")
        site.system.hand_create("material-item", OFFICE, name="Pair 1", material_id=material)
        for name in ("work-environment", "substance", "work-group"):
            site.system.hand_create(name, OFFICE, name="Thing")
        site.involve(incident)
        site.system.hand_create("incident-resource", OFFICE, entity_type="MATERIAL", entity_id=material, **link)
        site.system.hand_create("incident-action", OFFICE, entity_type="ACTION", entity_id=action, **link)
        for entity in ENTITIES.values():
            row = site.index(entity.name).json()[0]
            assert site.view(row[entity.key], entity.name).json() == row
            assert set(row) == set(entity.shown)


class TestReading:
    def test_reads_carry_joined_fields_and_writes_do_not(self, site: Site) -> None:
        written = site.create().json()
        site.involve(written["office_incident_id"], days=3)
        site.involve(written["office_incident_id"])
        joined = {
            "office_name": "North site",
            "project_name": "Acme",
            "project_type": "safety",
            "totSicknessDays": 3,
            "totInvolvedPerson": 2,
            "permission": "manager",
        }
        assert site.view(written["office_incident_id"]).json() == written | joined
        assert written.keys().isdisjoint(joined)
        assert site.index().json() == [written | joined]

    def test_a_person_of_an_incident_brings_both_sides(self, site: Site) -> None:
        link = site.involve(site.hand(category="Fire", status="open"))
        row = site.view(link, "incident-person").json()
        joined = ("person_code", "person_last_name", "incident_category", "incident_status")
        assert [row[name] for name in joined] == ["A1", "Rossi", "Fire", "open"]
        assert row["person_is_employee"] is True

    def test_no_row_of_an_incident_says_when_it_changed(self, site: Site) -> None:
        assert not [name for name in site.create().json() if "updated" in name or "version" in name]

    def test_both_forms_of_view_and_an_unknown_id(self, site: Site) -> None:
        made = site.hand()
        assert site.client.get("/v2/incident/view", params={"id": made}).json() == site.view(made).json()
        missing = site.view(GIVEN_ID)
        assert (missing.status_code, missing.json()["status"]) == (404, 404)
        assert site.system.refused == []

    def test_a_person_by_code_and_project(self, site: Site) -> None:
        answer = site.client.get("/v2/person/view", params={"code": "A1", "project_id": PROJECT})
        assert answer.json()["last_name"] == "Rossi"
        missing = site.client.get("/v2/person/view", params={"code": "A2", "project_id": PROJECT})
        assert missing.status_code == 404
        assert site.system.refused == []

    @pytest.mark.parametrize(
        ("form", "created_at"),
        [("iso", "2026-03-01T08:00:00+00:00"), ("unix", 1772352000), ("italian", "01/03/2026 08:00")],
    )
    def test_created_at_has_some_form(self, form: Any, created_at: Any) -> None:
        assert Site(created_at_form=form).create().json()["created_at"] == created_at

    @pytest.mark.parametrize(("decoded", "expected"), [(False, '[{"id": 1}]'), (True, [{"id": 1}])])
    def test_json_text_is_text_or_a_value(self, decoded: bool, expected: Any) -> None:
        site = Site(json_text_decoded=decoded)
        assert site.create(manager='[{"id": 1}]').json()["manager"] == expected

    @pytest.mark.parametrize(("numbers", "kind"), [(False, bool), (True, int)])
    def test_flags_are_booleans_or_numbers(self, numbers: bool, kind: type) -> None:
        row = Site(flags_are_numbers=numbers).index("person-office").json()[0]
        assert {type(row[name]) for name in ("owned_active", "parent_active", "person_is_employee")} == {kind}

    def test_permission_may_be_absent(self) -> None:
        site = Site(permission_in_rows=False)
        assert "permission" not in site.view(site.hand()).json()

    def test_every_answer_says_its_time_in_whole_seconds(self, site: Site) -> None:
        for answer in (site.token(), site.index(), site.view(GIVEN_ID)):
            assert answer.headers["Date"] == "Sun, 01 Mar 2026 08:00:00 GMT"


class TestCreating:
    def test_what_is_sent_is_kept_and_the_rest_is_set_by_the_server(self, site: Site) -> None:
        answer = site.create(
            office_incident_id=GIVEN_ID, creator="me", created_at="x", severity="high", totSicknessDays=9
        )
        assert (answer.status_code, answer.headers["Location"]) == (201, f"/v2/incident/view/{GIVEN_ID}")
        row = answer.json()
        assert {name: row[name] for name in FALL} == FALL
        assert (row["office_incident_id"], row["status"], row["creator"]) == (GIVEN_ID, "new", "sync@example.com")
        assert row["created_at"].startswith("2026-03-01")
        assert "severity" not in row
        assert site.system.refused == []

    @pytest.mark.parametrize(
        ("sent", "field"),
        [
            ({"name": None}, "name"),
            ({"name": ""}, "name"),
            ({"name": 5}, "name"),
            ({"date_incident": "2026-02-30"}, "date_incident"),
            ({"date_incident": "2026-03-01T00:00:00Z"}, "date_incident"),
            ({"category": 1}, "category"),
            ({"category": "Fire"}, "category"),
            ({"status": "shut"}, "status"),
            ({"status": None}, "status"),
            ({"office_incident_id": "inc-1"}, "office_incident_id"),
            ({"manager": "not json"}, "manager"),
            ({"to": "[]"}, "to"),
            ({"status": "closed"}, "date_closed"),
            ({"tenant_id": OTHER_OFFICE}, "tenant_id"),
        ],
    )
    def test_what_breaks_the_contract_is_refused(self, site: Site, sent: dict[str, Any], field: str) -> None:
        answer = site.create(**sent)
        assert answer.status_code == 422
        assert [problem["field"] for problem in answer.json()] == [field]
        assert len(site.system.refused) == 1
        assert site.index().json() == []

    def test_each_missing_field_is_named_once(self, site: Site) -> None:
        answer = site.client.post("/v2/incident-person/create", json={})
        required = ["office_incident_id", "person_office_id", "subtenant_id", "tenant_id"]
        assert [problem["field"] for problem in answer.json()] == required

    def test_other_form_of_a_refusal(self) -> None:
        body = Site(error_form="http").create(name="").json()
        assert (body["status"], body["message"]) == (422, "Name cannot be blank.")

    @pytest.mark.parametrize(
        ("answer", "status", "title"), [("422", 422, "Fall"), ("500", 500, "Fall"), ("overwrite", 201, "New")]
    )
    def test_the_same_id_again(self, answer: Any, status: int, title: str) -> None:
        site = Site(repeated_id=answer)
        site.create(office_incident_id=GIVEN_ID)
        assert site.create(office_incident_id=GIVEN_ID, name="New").status_code == status
        assert [row["name"] for row in site.index().json()] == [title]
        assert site.system.refused == []

    def test_the_server_may_give_its_own_id(self) -> None:
        site = Site(client_id_kept=False, success_status_create=200)
        answers = [site.create(office_incident_id=GIVEN_ID) for _ in range(2)]
        assert {answer.status_code for answer in answers} == {200}
        assert len({GIVEN_ID, *(answer.json()["office_incident_id"] for answer in answers)}) == 3

    @pytest.mark.parametrize(
        ("dials", "sent", "status"),
        [
            ({}, {"name": "x" * 256}, 422),
            ({}, {"name": "x" * 255}, 201),
            ({"title_max": None}, {"name": "x" * 999}, 201),
            ({}, {"category": None}, 201),
            ({"category_required": True}, {"category": None}, 422),
            ({}, {"status": "closed", "date_closed": "2026-03-02"}, 201),
            ({"closed_on_create_allowed": False}, {"status": "closed", "date_closed": "2026-03-02"}, 422),
            ({}, {"subtenant_id": GIVEN_ID}, 422),
        ],
    )
    def test_what_no_document_settles_is_no_breach(
        self, dials: dict[str, Any], sent: dict[str, Any], status: int
    ) -> None:
        site = Site(**dials)
        assert site.create(**sent).status_code == status
        assert site.system.refused == []

    @pytest.mark.parametrize(
        ("dials", "sent", "kept"),
        [
            ({"title_too_long": "cut"}, {"name": "x" * 300}, {"name": "x" * 255}),
            ({"trims_text": True}, {"name": " a  b\n"}, {"name": "a  b"}),
            ({}, {"name": " a  b\n"}, {"name": " a  b\n"}),
            (
                {"wraps_description_in_html": True},
                {"description_event": "a < b\nc"},
                {"description_event": "<p>a &lt; b<br>c</p>"},
            ),
            ({"created_default_status": "open"}, {}, {"status": "open"}),
            *(
                ({"text_kept": form}, {"name": ODD, "deponent": ODD}, {"name": kept or ODD, "deponent": kept})
                for form, kept in ODD_KEPT.items()
            ),
        ],
    )
    def test_what_the_server_makes_of_a_text(
        self, dials: dict[str, Any], sent: dict[str, Any], kept: dict[str, Any]
    ) -> None:
        row = Site(**dials).create(**sent).json()
        assert {name: row[name] for name in kept} == kept

    @pytest.mark.parametrize(("form", "kept"), ODD_KEPT.items())
    def test_what_an_update_keeps_of_a_text(self, form: KeptText, kept: str) -> None:
        site = Site(text_kept=form)
        row = site.create().json()
        assert site.update(row["office_incident_id"], deponent=ODD).json()["deponent"] == kept


class TestUpdating:
    @pytest.mark.parametrize(
        ("put_is", "sent", "kept"),
        [
            ("partial", {"name": "New"}, {**OLD, "name": "New"}),
            ("partial", {"code": None}, {**OLD, "code": None}),
            (
                "blanking",
                {"name": "New"},
                {"name": "New", "status": "open", "code": None, "description_event": None, "category": None},
            ),
            ("full", {**FALL, "name": "New"}, {"name": "New", "category": "ACCIDENTS", "code": None, "status": "new"}),
        ],
    )
    def test_what_an_update_leaves_out(self, put_is: Any, sent: dict[str, Any], kept: dict[str, Any]) -> None:
        site = Site(put_is=put_is)
        answer = site.update(site.hand(**OLD), **sent)
        assert (answer.status_code, "office_name" in answer.json()) == (200, False)
        assert {name: answer.json()[name] for name in kept} == kept
        assert site.system.refused == []

    def test_a_full_update_misses_what_is_required(self) -> None:
        site = Site(put_is="full")
        answer = site.update(site.hand(), name="New")
        assert {problem["field"] for problem in answer.json()} == {"date_incident", "tenant_id", "subtenant_id"}

    def test_null_may_be_no_value(self) -> None:
        site = Site(null_clears=False)
        assert site.update(site.hand(code="N-1"), code=None).json()["code"] == "N-1"

    def test_the_id_never_changes(self, site: Site) -> None:
        made = site.hand()
        assert site.update(made, office_incident_id=GIVEN_ID, name="New").json()["office_incident_id"] == made
        assert site.view(GIVEN_ID).status_code == 404

    @pytest.mark.parametrize(
        ("move", "status", "office"), [("allowed", 200, OTHER_OFFICE), ("ignored", 200, OFFICE), ("422", 422, OFFICE)]
    )
    def test_another_office(self, move: Any, status: int, office: str) -> None:
        site = Site(office_move=move)
        made = site.hand()
        assert site.update(made, subtenant_id=OTHER_OFFICE).status_code == status
        assert site.view(made).json()["subtenant_id"] == office
        assert site.update(made, subtenant_id=office, tenant_id=PROJECT).status_code == 200

    @pytest.mark.parametrize(("answer", "status"), [("kept", 200), ("422", 422)])
    def test_a_foreign_category_of_old(self, answer: Any, status: int) -> None:
        site = Site(foreign_category_on_old_rows=answer)
        old = site.hand(category="Fire")
        assert site.update(old, name="New").status_code == status
        assert site.system.refused == []
        assert site.update(old, category="Fire").status_code == 422
        assert len(site.system.refused) == 1
        assert site.update(old, category="ACCIDENTS").status_code == 200

    def test_a_title_that_was_too_long_before_stays(self, site: Site) -> None:
        made = site.hand()
        snapshot = site.system.snapshot()
        snapshot.tables["incident"][made]["name"] = "x" * 300
        site.system.restore_snapshot(snapshot)
        assert site.update(made, code="N-1").status_code == 200


class TestClosing:
    DAY = "2026-03-05"

    @pytest.mark.parametrize(
        ("dials", "status", "breaches"),
        [({}, 422, 1), ({"closing_needs_date": "on row"}, 200, 0)],
    )
    def test_a_day_of_closing_that_stands_on_the_row(self, dials: dict[str, Any], status: int, breaches: int) -> None:
        site = Site(**dials)
        made = site.hand(status="open", date_closed=self.DAY)
        assert site.update(made, status="closed").status_code == status
        assert len(site.system.refused) == breaches

    def test_a_closed_row_can_change_otherwise_and_not_lose_its_day(self, site: Site) -> None:
        made = site.hand(status="closed", date_closed=self.DAY)
        assert site.update(made, name="New").status_code == 200
        assert site.update(made, date_closed=None).status_code == 422

    @pytest.mark.parametrize(("clears", "day"), [(False, DAY), (True, None)])
    def test_reopening(self, clears: bool, day: str | None) -> None:
        site = Site(reopening_clears_date_closed=clears)
        row = site.update(site.hand(status="closed", date_closed=self.DAY), status="open").json()
        assert (row["status"], row["date_closed"]) == ("open", day)
        again = site.hand(status="closed", date_closed=self.DAY)
        assert site.update(again, status="open", date_closed=self.DAY).json()["date_closed"] == self.DAY

    @pytest.mark.parametrize(("allowed", "status"), [(True, 200), (False, 422)])
    def test_from_new_to_closed(self, allowed: bool, status: int) -> None:
        site = Site(closing_jump_allowed=allowed)
        made = site.hand()
        assert site.update(made, status="closed", date_closed=self.DAY).status_code == status
        assert site.update(made, status="open").status_code == 200
        assert site.update(made, status="closed", date_closed=self.DAY).status_code == 200
        assert site.system.refused == []


class TestDeleting:
    @pytest.mark.parametrize("status", [400, 200])
    def test_children_turn_it_into_a_preview(self, status: Any) -> None:
        site = Site(delete_preview_status=status)
        made = site.hand()
        link = site.involve(made)
        answer = site.delete(made, force="false")
        assert (answer.status_code, answer.json()["persons"]) == (status, [link])
        assert site.view(made).status_code == 200
        assert site.system.writes == []

    @pytest.mark.parametrize(("deletes", "status", "after"), [(True, 204, 404), (False, 400, 200)])
    def test_without_force_a_lone_incident_is_deleted_or_previewed(
        self, deletes: bool, status: int, after: int
    ) -> None:
        site = Site(force_false_deletes_childless=deletes)
        made = site.hand()
        assert site.delete(made).status_code == status
        assert site.view(made).status_code == after

    def test_force_takes_the_children_along_and_nothing_comes_back(self) -> None:
        site = Site(success_status_delete=200)
        made, other = site.hand(), site.hand()
        link, kept = site.involve(made), site.involve(other)
        assert site.delete(made, force="true").status_code == 200
        assert site.view(link, "incident-person").status_code == 404
        assert site.view(kept, "incident-person").status_code == 200
        assert site.delete(made, force="true").status_code == 404
        assert ids(site.index(history=True)) == [other]

    def test_a_link_goes_alone(self, site: Site) -> None:
        made = site.hand()
        assert site.delete(site.involve(made, days=4), "incident-person").status_code == 204
        assert site.view(made).json()["totSicknessDays"] == 0


class TestSight:
    @pytest.mark.parametrize(
        ("dials", "history", "count"),
        [
            ({}, False, 0),
            ({}, True, 1),
            ({"history_shows_hidden_incidents": False}, True, 0),
            ({"historicized_office_hides_incidents": False}, False, 1),
        ],
    )
    def test_a_historicized_office_hides_and_changes_nothing(
        self, dials: dict[str, Any], history: bool, count: int
    ) -> None:
        site = Site(**dials)
        made = site.hand()
        site.system.historicize_office(OFFICE)
        assert len(site.index(history=history).json()) == count
        assert site.view(made).status_code == 200
        site.system.reactivate_office(OFFICE)
        assert ids(site.index()) == [made]

    def test_history_on_incidents_may_be_refused(self) -> None:
        site = Site(history_accepted=False)
        assert site.index(history=True).status_code == 422
        assert site.index("office", history=True).status_code == 200
        assert site.system.refused == []

    def test_history_brings_back_what_ended(self, site: Site) -> None:
        link = site.involve(site.hand())
        site.system.historicize("person-office", site.ada)
        assert site.index("person-office").json() == []
        assert site.index("person-office", history=True).json()[0]["owned_active"] is False
        assert site.view(link, "incident-person").json()["person_last_name"] == "Rossi"

    def test_an_office_out_of_use_takes_its_equipment_along(self, site: Site) -> None:
        site.system.add_equipment(PROJECT, OFFICE, "Crane")
        site.system.historicize_office(OFFICE)
        assert site.index("equipment").json() == []
        row = site.index("equipment", history=True).json()[0]
        assert (row["owned_active"], row["parent_active"]) == (True, False)
        assert [row["name"] for row in site.index("office").json()] == ["South site"]

    @pytest.mark.parametrize(("dial", "status"), [("empty", 200), ("403", 403)])
    def test_a_suspended_project(self, dial: Any, status: int) -> None:
        site = Site(suspended_index=dial)
        made = site.hand()
        site.system.suspend_project(PROJECT)
        answers = [site.index(filter={name: value}) for name, value in PLACE.items()]
        assert {answer.status_code for answer in answers} == {status}
        assert site.index().json() == []
        assert (site.view(made).status_code, site.create().status_code) == (403, 403)
        assert site.index("project").json()[0]["status"] == "suspended"
        site.system.resume_project(PROJECT)
        assert ids(site.index(filter=PLACE)) == [made]

    @pytest.mark.parametrize("status", [403, 404])
    def test_a_lost_role_looks_like_deletion(self, status: Any) -> None:
        site = Site(forbidden_view_status=status)
        made = site.hand()
        link = site.involve(made)
        site.system.revoke(OFFICE)
        assert site.index().json() == site.index("incident-person").json() == []
        assert site.view(made).status_code == site.view(link, "incident-person").status_code == status
        assert site.update(made, name="New").status_code == site.delete(made, force="true").status_code == status
        assert site.create().status_code == 403
        site.system.grant(OFFICE)
        assert ids(site.index()) == [made]
        assert site.system.refused == []

    def test_a_share_of_an_office_can_get_lost(self, site: Site) -> None:
        made = [site.hand() for _ in range(10)]
        for incident in made:
            site.involve(incident)
        site.system.revoke(OFFICE, 0.3)
        left = ids(site.index())
        assert len(left) == 7
        assert set(ids(site.index("incident-person"))) == set(left)
        lost = next(iter(set(made) - set(left)))
        assert (site.view(lost).status_code, site.view(left[0]).status_code) == (403, 200)
        assert site.create().status_code == 201
        site.system.grant(OFFICE)
        assert len(ids(site.index())) == 11

    def test_a_reader_cannot_write(self, site: Site) -> None:
        made = site.hand()
        site.system.revoke_writing(OFFICE)
        answers = (site.create(), site.update(made, name="New"), site.delete(made, force="true"))
        assert [answer.status_code for answer in answers] == [403, 403, 403]
        assert site.view(made).json()["name"] == "Fall"


class TestLinks:
    def link(self, site: Site, **sent: Any) -> httpx.Response:
        return site.create(
            "incident-person", **{"office_incident_id": site.hand(), "person_office_id": site.ada, **sent}
        )

    def test_a_person_of_the_office(self, site: Site) -> None:
        answer = self.link(site, days=5)
        assert (answer.status_code, answer.json()["days"]) == (201, 5)
        assert site.update(answer.json()["office_incident_person_id"], "incident-person", days=None).status_code == 200

    @pytest.mark.parametrize("days", ["5", 1.5, True])
    def test_days_are_whole_numbers(self, site: Site, days: Any) -> None:
        assert self.link(site, days=days).json()[0]["field"] == "days"
        assert len(site.system.refused) == 1

    @pytest.mark.parametrize(("refused", "status"), [(True, 422), (False, 201)])
    def test_a_person_of_another_office(self, refused: bool, status: int) -> None:
        site = Site(other_office_person_refused=refused)
        other = site.system.add_person(PROJECT, OTHER_OFFICE, "Eva", "Neri")
        assert self.link(site, person_office_id=other).status_code == status
        assert self.link(site, person_office_id=GIVEN_ID).status_code == 422

    def test_a_person_id_is_no_person_office_id(self, site: Site) -> None:
        person = site.index("person").json()[0]["person_id"]
        assert self.link(site, person_office_id=person).status_code == 422

    @pytest.mark.parametrize(("refused", "status"), [(False, 201), (True, 422)])
    def test_the_same_person_twice(self, refused: bool, status: int) -> None:
        site = Site(duplicate_person_refused=refused)
        made = site.hand()
        first = self.link(site, office_incident_id=made).json()["office_incident_person_id"]
        assert self.link(site, office_incident_id=made).status_code == status
        assert site.update(first, "incident-person", days=1).status_code == 200

    @pytest.mark.parametrize(("refused", "status"), [(False, 201), (True, 422)])
    def test_a_person_who_left(self, refused: bool, status: int) -> None:
        site = Site(historicized_person_refused=refused)
        old = site.involve(site.hand())
        site.system.historicize("person-office", site.ada)
        assert self.link(site).status_code == status
        assert site.update(old, "incident-person", days=1).status_code == 200

    def test_an_incident_that_is_gone(self, site: Site) -> None:
        assert self.link(site, office_incident_id=GIVEN_ID).json()[0]["field"] == "office_incident_id"

    def test_equipment_by_the_id_it_has_in_the_office(self, site: Site) -> None:
        crane = site.system.add_equipment(PROJECT, OFFICE, "Crane", code="C1")
        link = {"office_incident_id": site.hand(), "entity_id": crane}
        made = site.create("incident-resource", entity_type="EQUIPMENT", **link)
        row = site.view(made.json()["office_incident_resource_id"], "incident-resource").json()
        assert (row["entity_name"], row["entity_code"]) == ("Crane", "C1")
        assert site.create("incident-resource", entity_type="SUBSTANCE", **link).status_code == 422
        assert site.create("incident-resource", entity_type="PERSON", **link).status_code == 422
        assert site.create("incident-action", entity_type="EQUIPMENT", **link).status_code == 422
        assert len(site.system.refused) == 2


class TestRequests:
    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [
            ("GET", "/v2/incident/index", 405),
            ("POST", "/v2/incident/update/x", 405),
            ("POST", "/v2/office/create", 404),
            ("GET", "/v2/incidents/view/x", 404),
            ("GET", "/v2/incident/view/x/y", 404),
            ("POST", "/v2/incident/index/x", 404),
        ],
    )
    def test_paths_that_the_contract_does_not_have(self, site: Site, method: str, path: str, status: int) -> None:
        assert site.client.request(method, path).status_code == status
        assert len(site.system.refused) == 1

    @pytest.mark.parametrize("body", [b"{", b"[1]"])
    @pytest.mark.parametrize("path", ["/v2/incident/index", "/v2/incident/create"])
    def test_a_body_that_is_no_object(self, site: Site, path: str, body: bytes) -> None:
        assert site.client.post(path, content=body).status_code == 400
        assert len(site.system.refused) == 1

    def test_a_query_name_that_means_nothing_is_noted(self, site: Site) -> None:
        assert site.client.post("/v2/incident/index?page=2").status_code == 200
        assert site.system.refused == ["POST /v2/incident/index: unknown query name page"]

    def test_the_limit_of_a_minute(self, site: Site) -> None:
        site.system.set_limit(2)
        assert [site.index().status_code for _ in range(3)] == [200, 200, 429]
        site.wait(seconds=20)
        limited = site.index()
        names = ("Limit", "Remaining", "Reset")
        assert [limited.headers[f"X-Rate-Limit-{name}"] for name in names] == ["2", "0", "40"]
        assert "Retry-After" not in limited.headers
        site.wait(seconds=40)
        assert site.index().status_code == 200
        assert "X-Rate-Limit-Limit" not in site.index().headers
        assert site.system.refused == []

    def test_the_limit_may_show_before_it_bites(self) -> None:
        site = Site(rate_headers_sent=True)
        site.system.set_limit(5)
        assert site.index().headers["X-Rate-Limit-Remaining"] == "4"

    def test_counts_of_calls_writes_and_mails(self, site: Site) -> None:
        made = site.create(manager="[]").json()["office_incident_id"]
        site.update(made, watcher=None, name="New", severity="high")
        site.create(name="")
        site.delete(made)
        written = [(write.operation, write.entity, write.id) for write in site.system.writes]
        assert written == [(name, "incident", made) for name in ("create", "update", "delete")]
        assert site.system.writes[1].fields == {"watcher": None, "name": "New", "severity": "high"}
        assert site.system.mails == 1
        assert site.system.calls == {"token": 1, "incident/create": 2, "incident/update": 1, "incident/delete": 1}

    def test_a_fault_takes_the_answer_and_not_the_write(self) -> None:
        site = Site(faults=True)
        assert site.faults is not None
        site.faults.add(FaultKind.LOST_ANSWER, path="create")
        with pytest.raises(httpx.ReadError):
            site.create(office_incident_id=GIVEN_ID)
        assert site.view(GIVEN_ID).status_code == 200

    def test_over_a_real_socket(self, site: Site) -> None:
        with LoopbackServer(site.system.handle) as server, httpx.Client(base_url=server.url) as client:
            tokens = client.post("/realms/4hse/protocol/openid-connect/token", data=PASSWORD_GRANT).json()
            client.headers["Authorization"] = f"Bearer {tokens['access_token']}"
            made = client.post("/v2/incident/create", json=FALL | {"name": "Caduta è"}).json()
            assert client.post("/v2/incident/index", json={}).json()[0]["name"] == "Caduta è"
            assert client.delete(f"/v2/incident/delete/{made['office_incident_id']}").status_code == 204


class TestHands:
    def test_the_dump_holds_incidents_with_what_hangs_on_them(self, site: Site) -> None:
        late, early = site.hand(), site.hand(date_incident="2026-01-01")
        link = site.involve(late, days=2)
        site.system.hand_create("incident", OTHER_OFFICE, name="Elsewhere", date_incident="2026-03-01")
        dump = site.system.dump(OFFICE)
        assert [row["office_incident_id"] for row in dump] == [early, late]
        assert [row["office_incident_person_id"] for row in dump[1]["persons"]] == [link]
        assert dump[1]["resources"] == dump[1]["actions"] == dump[0]["persons"] == []

    def test_a_snapshot_brings_back_rows_links_and_rights(self, site: Site) -> None:
        made = site.hand()
        site.involve(made, days=2)
        snapshot, before = site.system.snapshot(), site.system.dump(OFFICE)
        site.system.hand_edit("incident", made, name="New")
        site.involve(made, days=5)
        site.system.revoke(OFFICE)
        site.system.restore_snapshot(snapshot)
        assert site.view(made).json()["totSicknessDays"] == 2
        site.system.hand_delete("incident", made)
        assert site.system.dump(OFFICE) == []
        site.system.restore_snapshot(snapshot)
        assert site.system.dump(OFFICE) == before
        assert site.view(made).json()["totSicknessDays"] == 2

    def test_hands_keep_the_rules_of_state(self, site: Site) -> None:
        made = site.hand()
        for fields_ in ({"status": "closed"}, {"date_incident": "soon"}, {"severity": "high"}):
            with pytest.raises(ValueError, match=r"date_closed|date_incident|severity"):
                site.system.hand_edit("incident", made, **fields_)
        with pytest.raises(ValueError, match="name"):
            site.system.hand_create("incident", OFFICE, date_incident="2026-03-01")
        with pytest.raises(ValueError, match="project_id"):
            site.system.add_project("not-a-uuid", "Acme")

    def test_hands_may_set_what_a_request_may_not(self, site: Site) -> None:
        made = site.hand(category="Injury", creator="ada", created_at="long ago", office_incident_id=GIVEN_ID)
        row = site.view(made).json()
        assert (row["category"], row["creator"], row["created_at"]) == ("Injury", "ada", "long ago")
        assert site.system.writes == []

    def test_hands_need_not_repeat_what_the_row_holds(self) -> None:
        site = Site(foreign_category_on_old_rows="422", null_clears=False, put_is="full")
        made = site.hand(category="Fire", status="open", date_closed="2026-03-05", code="N-1")
        site.system.hand_edit("incident", made, status="closed", code=None)
        row = site.view(made).json()
        assert (row["status"], row["category"], row["code"]) == ("closed", "Fire", None)

    def test_one_code_is_one_person_in_two_offices(self, site: Site) -> None:
        there = site.system.add_person(PROJECT, OTHER_OFFICE, "Ada", "Rossi", code="A1", email="ada@example.com")
        assert there != site.ada
        assert len(site.index("person").json()) == 1
        person_ids = {row["person_id"] for row in site.index("person-office").json()}
        assert len(person_ids) == 1

    def test_look_shows_the_stored_row(self, site: Site) -> None:
        row = site.system.look("incident", site.hand(code="N-1"))
        assert row is not None
        assert row["code"] == "N-1"
        assert site.system.look("incident", GIVEN_ID) is None


def test_each_alternative_turns_one_dial() -> None:
    likeliest = FourHseDials()
    turned = []
    for other in likeliest.alternatives():
        changed = [
            dial.name for dial in fields(likeliest) if getattr(other, dial.name) != getattr(likeliest, dial.name)
        ]
        assert len(changed) == 1
        assert replace(other, **{changed[0]: getattr(likeliest, changed[0])}) == likeliest
        turned += changed
    assert {dial.name for dial in fields(likeliest)} - set(turned) == {"refresh_lifetime"}
