"""The simulated Procore answers as the vendor's documents say, awkward habits included."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from kept_texts import ODD, ODD_KEPT
from procore_4hse.simulator.faults import FaultKind, Faults
from procore_4hse.simulator.procore import ProcoreDials, Refusal, SimulatedProcore, Write
from procore_4hse.simulator.procore_contract import BODY_PART_KEYS, CHILD_KINDS
from procore_4hse.simulator.wire import Handler, InProcess, LoopbackServer, Request, Response

PROJECT = 1363617
INCIDENTS = f"/rest/v1.0/projects/{PROJECT}/incidents"
BIN = f"/rest/v1.0/projects/{PROJECT}/recycle_bin/incidents"
COMPANY = "/rest/v1.0/companies/26972"
CREDENTIALS = {
    "grant_type": "client_credentials",
    "client_id": "procore-client",
    "client_secret": "procore-secret",
}


@dataclass
class Scene:
    """A simulated Procore with one project in New York, a movable clock and a client that is signed in."""

    dials: ProcoreDials = field(default_factory=ProcoreDials)
    now: datetime = datetime(2026, 3, 2, 12, 0, 0, 400_000, tzinfo=UTC)

    def __post_init__(self) -> None:
        self.faults = Faults(lambda: self.now)
        self.sim = SimulatedProcore(clock=lambda: self.now, dials=self.dials, faults=self.faults)
        self.sim.add_project(PROJECT, "Riverside", "Eastern Time (US & Canada)", "America/New_York")
        self.person_id = self.sim.add_person(PROJECT, "Ada", "Stone", "E-7", "ada@example.com")
        self.client = sign_in(self.sim.handle)

    def later(self, **by: float) -> None:
        self.now += timedelta(**by)

    def incident(self, **more: Any) -> int:
        return self.sim.hand_create(
            "incident", PROJECT, **{"title": "Fall", "event_date": "2026-03-01T15:00:00Z"} | more
        )

    def injury(self, incident_id: int, **more: Any) -> int:
        return self.sim.hand_create("injury", PROJECT, incident_id=incident_id, **more)

    def post(self, members: dict[str, Any], path: str = "", wrapper: str = "incident", **more: Any) -> httpx.Response:
        return self.client.post(INCIDENTS + path, json={wrapper: members}, **more)

    def patch(
        self, record_id: int, members: dict[str, Any], path: str = "", wrapper: str = "incident"
    ) -> httpx.Response:
        return self.client.patch(f"{INCIDENTS}{path}/{record_id}", json={wrapper: members})

    def show(self, record_id: int, path: str = "") -> dict[str, Any]:
        answer: dict[str, Any] = self.client.get(f"{INCIDENTS}{path}/{record_id}").json()
        return answer

    def listed(self, query: str = "", path: str = INCIDENTS) -> list[int]:
        answer = self.client.get(f"{path}?{query}")
        assert answer.status_code == 200, answer.text
        return [row["id"] for row in answer.json()]


def sign_in(handler: Handler) -> httpx.Client:
    client = httpx.Client(transport=InProcess(handler), base_url="https://api.procore.com")
    token = client.post("/oauth/token", json=CREDENTIALS).json()["access_token"]
    client.headers.update({"Authorization": f"Bearer {token}", "Procore-Company-Id": "26972"})
    return client


@pytest.fixture
def scene() -> Scene:
    return Scene()


# Signing in, headers, limits


def test_token_is_given_for_json_and_form_and_expires_by_the_clock(scene: Scene) -> None:
    form = scene.client.post("/oauth/token", data=CREDENTIALS)
    assert (form.status_code, form.json()["expires_in"], "refresh_token" in form.json()) == (200, 5400, False)
    wrong = scene.client.post("/oauth/token", json={**CREDENTIALS, "client_secret": "guess"})
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")
    scene.later(seconds=5399)
    assert scene.client.get("/rest/v1.0/me").status_code == 200
    scene.later(seconds=2)
    expired = scene.client.get("/rest/v1.0/me")
    assert (expired.status_code, list(expired.json())) == (401, ["errors"])
    scene.client = sign_in(scene.sim.handle)
    scene.sim.expire_tokens()
    assert scene.client.get("/rest/v1.0/me").status_code == 401
    del scene.client.headers["Authorization"]
    assert scene.client.get("/rest/v1.0/me").json() == {"error": "Invalid Token"}
    assert scene.sim.refused == []


@pytest.mark.parametrize(
    ("path", "status"),
    [(INCIDENTS, 404), (BIN, 404), (f"/rest/v1.0/projects/{PROJECT}/users", 400), ("/rest/v1.0/me", 400)],
)
def test_company_header_is_required_on_every_call(scene: Scene, path: str, status: int) -> None:
    del scene.client.headers["Procore-Company-Id"]
    assert scene.client.get(path).status_code == status
    assert "Missing Procore-Company-Id header!" in scene.sim.refused[0]


def test_every_answer_carries_date_request_id_and_rate_headers(scene: Scene) -> None:
    for path in (INCIDENTS, "/rest/v1.0/nowhere"):
        headers = scene.client.get(path).headers
        assert headers["date"] == "Mon, 02 Mar 2026 12:00:00 GMT"
        assert headers["x-request-id"]
        assert {"x-rate-limit-limit", "x-rate-limit-remaining", "x-rate-limit-reset"} <= set(headers)
    assert scene.sim.calls["GET /rest/v1.0/projects/{project_id}/incidents"] == 1


def test_rate_headers_describe_the_window_nearest_exhaustion_and_429_ends_with_it(scene: Scene) -> None:
    scene.sim.set_limits(hour=6, spike=3)
    first = scene.client.get(INCIDENTS)
    assert (first.headers["x-rate-limit-limit"], first.headers["x-rate-limit-remaining"]) == ("3", "2")
    assert [scene.client.get(INCIDENTS).status_code for _ in range(3)] == [200, 200, 429]
    scene.later(seconds=10)
    in_hour = scene.client.get(INCIDENTS)
    assert (in_hour.headers["x-rate-limit-limit"], in_hour.headers["x-rate-limit-remaining"]) == ("6", "1")
    assert scene.client.get(INCIDENTS).status_code == 200
    over = scene.client.get(INCIDENTS)
    reset = datetime.fromtimestamp(int(over.headers["x-rate-limit-reset"]), UTC)
    assert (over.status_code, over.headers["retry-after"], reset) == (429, "3590", datetime(2026, 3, 2, 13, tzinfo=UTC))
    assert scene.sim.refused == []


# The contract


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("filters[colour]=red", "not a parameter"),
        ("company_id=26972", "not a parameter"),
        ("sort=updated_at", "not included in the list"),
        ("per_page=1001", "out of range"),
        ("page=first", "not of the type int"),
        ("filters[status]=open", "must be an array"),
        ("filters[status][]=paused", "not included in the list"),
        ("filters[updated_at]=2026-03-01", "must be a range"),
        ("filters[updated_at]=2026-03-01..2026-03-02", "must be a range"),
        ("filters[updated_at]=yesterday...today", "not of the type range"),
        ("filters[time_unknown]=yes", "not of the type bool"),
    ],
)
def test_queries_outside_the_contract_are_refused(scene: Scene, query: str, words: str) -> None:
    assert scene.client.get(f"{INCIDENTS}?{query}").status_code == 400
    assert words in scene.sim.refused[0]


@pytest.mark.parametrize(
    ("path", "name"), [("/injuries", "filters[updated_at]"), ("/environmentals", "filters[created_at]")]
)
def test_child_lists_cannot_be_asked_by_change(scene: Scene, path: str, name: str) -> None:
    answer = scene.client.get(INCIDENTS + path, params={name: "2026-03-01...2026-03-02"})
    assert answer.status_code == 400
    assert scene.client.get(f"{INCIDENTS}/actions?filters[updated_at]=2026-03-01...2026-03-02").status_code == 200


@pytest.mark.parametrize(
    ("members", "name"),
    [
        ({}, "title"),
        ({"title": "Fall"}, "event_date"),
        ({"title": " ", "event_date": "2026-03-01"}, "title"),
        ({"title": 7, "event_date": "2026-03-01"}, "title"),
        ({"title": "Fall", "event_date": None}, "event_date"),
        ({"title": "Fall", "event_date": "2026-03-01", "colour": "red"}, "colour"),
        ({"title": "Fall", "event_date": "2026-03-01", "private": "false"}, "private"),
        ({"title": "Fall", "event_date": "2026-03-01", "status": "new"}, "status"),
        ({"title": "Fall", "event_date": "2026-03-01", "status": "open", "custom_status_id": 1}, "status"),
        ({"title": "Fall", "event_date": "2026-03-01", "hazard_id": 12}, "hazard_id"),
        ({"title": "Fall", "event_date": "2026-03-01", "assignee_ids": [12]}, "assignee_ids"),
        ({"title": "Fall", "event_date": "2026-03-01", "actions": []}, "actions"),
        ({"title": "Fall", "event_date": "2026-03-01", "injuries": [{"date_returned_to_work": "2026-03-02"}]}, None),
    ],
)
def test_bodies_outside_the_contract_are_refused_whole(scene: Scene, members: dict[str, Any], name: str | None) -> None:
    answer = scene.post(members)
    assert answer.status_code == 422
    assert name is None or name in answer.json()["errors"]
    assert (len(scene.sim.refused), scene.sim.dump(PROJECT), scene.sim.writes) == (1, [], [])


def test_missing_wrapper_wrong_content_type_and_unknown_paths_are_refused(scene: Scene) -> None:
    bare = scene.client.post(INCIDENTS, json={"title": "Fall", "event_date": "2026-03-01"})
    assert (bare.status_code, "incident" in bare.text) == (400, True)
    assert scene.client.post(INCIDENTS, content=b"{", headers={"content-type": "application/json"}).status_code == 400
    assert scene.client.post(INCIDENTS, data={"incident": "x"}).status_code == 406
    assert scene.client.put(INCIDENTS).status_code == 404
    assert len(scene.sim.refused) == 4


# Listings


def test_lists_are_bare_arrays_newest_number_first_with_paging_headers(scene: Scene) -> None:
    ids = [scene.incident(title=f"Fall {number}") for number in range(5)]
    first = scene.client.get(f"{INCIDENTS}?per_page=2")
    assert [row["number"] for row in first.json()] == [5, 4]
    assert (first.headers["total"], first.headers["per-page"]) == ("5", "2")
    assert set(first.links) == {"next", "last"}
    middle = scene.client.get(first.links["next"]["url"])
    assert set(middle.links) == {"first", "prev", "next", "last"}
    last = scene.client.get(middle.links["next"]["url"])
    assert ([row["id"] for row in last.json()], set(last.links)) == ([ids[0]], {"first", "prev"})
    assert scene.listed("page=9") == []


def test_rows_shift_under_a_walk_when_something_is_inserted(scene: Scene) -> None:
    ids = [scene.incident() for _ in range(4)]
    first = scene.listed("per_page=2")
    scene.incident()
    assert (first, scene.listed("per_page=2&page=2")) == ([ids[3], ids[2]], [ids[2], ids[1]])


def test_list_items_have_counts_and_no_children_type_or_assignees(scene: Scene) -> None:
    incident = scene.incident()
    scene.injury(incident)
    scene.sim.hand_create("near_miss", PROJECT, incident_id=incident)
    scene.sim.hand_create("witness_statement", PROJECT, incident_id=incident, witness_id=scene.person_id)
    (row,) = scene.client.get(INCIDENTS).json()
    assert (row["records_count"], row["witness_statements_count"], row["actions_count"]) == (2, 1, 0)
    assert not {"injuries", "type", "custom_status", "assignees"} & set(row)
    whole = scene.show(incident)
    assert {kind.plural for kind in CHILD_KINDS} | {"type", "custom_status", "assignees", "attachments"} <= set(whole)
    assert (whole["injuries"][0]["incident_title"], whole["type"]["name"]) == ("Fall", "General")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("filters[updated_at]=2026-03-02T12:00:00Z...2026-03-02T12:00:00Z", "a"),
        ('filters[updated_at]="2026-03-02T12:00:00Z"..."2026-03-02T13:00:00Z"', "ab"),
        ('filters[updated_at]="2026-03-02T12:00:00Z...2026-03-02T13:00:00Z"', "ab"),
        ("filters[updated_at]=2026-03-02T08:00:00-05:00...2026-03-02T09:00:00-05:00", "b"),
        ("filters[updated_at]=2026-03-02...2026-03-02", "ab"),
        ("filters[event_date]=2026-02-28...2026-02-28", "a"),
        ("filters[time_unknown]=true", "a"),
        ("filters[time_unknown]=false", "bc"),
        ("filters[query]=SLIP", "c"),
        ("filters[status][]=closed&filters[status][]=open", "abc"),
        ("filters[status][]=closed", "c"),
        ("sort=title", "cab"),
        ("sort=-event_date,number", "bca"),
    ],
)
def test_filters_and_sorts(scene: Scene, query: str, expected: str) -> None:
    ids = {"a": scene.incident(event_date="2026-03-01T04:59:59Z", time_unknown=True)}
    scene.later(hours=1)
    ids["b"] = scene.incident()
    scene.later(days=1)
    ids["c"] = scene.incident(title="A slip", status="closed")
    scene.client = sign_in(scene.sim.handle)
    names = "".join(name for incident in scene.listed(query) for name in ids if ids[name] == incident)
    assert (names if "sort" in query else "".join(sorted(names))) == expected
    assert scene.listed(f"filters[id][]={ids['a']}&filters[id][]={ids['c']}") == [ids["c"], ids["a"]]


def test_nulls_sort_first_and_ties_follow_the_order_of_making(scene: Scene) -> None:
    trip = scene.sim.words("hazards")["Slip or Trip"]
    named, bare = scene.incident(hazard_id=trip), scene.incident()
    assert (scene.listed("sort=hazard"), scene.listed("sort=-hazard")) == ([bare, named], [named, bare])
    seen = [
        scene.sim.hand_create("witness_statement", PROJECT, incident_id=named, witness_id=scene.person_id)
        for _ in range(3)
    ]
    assert scene.listed(path=f"{INCIDENTS}/witness_statements") == seen[::-1]


def test_child_lists_are_project_wide_by_full_number(scene: Scene) -> None:
    fall, slip = scene.incident(), scene.incident()
    first, second, third = scene.injury(fall), scene.injury(slip), scene.injury(fall)
    assert scene.listed(path=f"{INCIDENTS}/injuries") == [second, third, first]
    assert scene.listed(f"incident_id={fall}", f"{INCIDENTS}/injuries") == [third, first]
    assert scene.show(third, "/injuries")["full_number"] == "1.2"
    assert scene.client.get(f"{INCIDENTS}/injuries/{third}?incident_id={slip}").status_code == 404


# Writing


def test_created_incident_is_shown_with_what_the_server_adds(scene: Scene) -> None:
    answer = scene.post(
        {"title": "Fall", "event_date": "2026-03-01T10:00:00.750-05:00", "injuries": [{"work_days_absent": 3}]}
    )
    made = answer.json()
    assert (answer.status_code, made["number"], made["status"], made["custom_status"]["name"]) == (
        201,
        1,
        "open",
        "Open",
    )
    assert (made["event_date"], made["created_at"]) == ("2026-03-01T15:00:00Z", "2026-03-02T12:00:00Z")
    assert made["created_by"] == {
        "id": scene.client.get("/rest/v1.0/me").json()["id"],
        "login": "incident-sync-0a813c91@service.example.com",
        "name": " incident-sync-0a813c91",
    }
    assert (made["injuries"][0]["work_days_absent"], made["id"] > 2**33) == (3, True)
    assert [write.verb for write in scene.sim.writes] == ["POST"]


def test_nested_children_on_patch_are_created_again(scene: Scene) -> None:
    incident = scene.incident(injuries=[{"description": "Arm"}])
    assert scene.patch(incident, {"injuries": [{"description": "Arm"}]}).status_code == 200
    assert [row["description"] for row in scene.show(incident)["injuries"]] == ["Arm", "Arm"]


def test_malformed_dates_are_stored_as_null(scene: Scene) -> None:
    made = scene.post({"title": "Fall", "event_date": "the first of March"})
    assert (made.status_code, made.json()["event_date"]) == (201, None)


def test_malformed_days_are_stored_as_null_and_times_lose_their_clock(scene: Scene) -> None:
    members = {"incident_id": scene.incident(), "date_returned_to_work": "soon"}
    made = scene.post(members, "/injuries", "injury").json()
    assert made["date_returned_to_work"] is None
    died = scene.patch(made["id"], {"date_of_death": "2026-03-04T00:00:00Z"}, "/injuries", "injury").json()
    assert died["date_of_death"] == "2026-03-04"


def test_child_of_another_projects_incident_is_not_found(scene: Scene) -> None:
    scene.sim.add_project(7, "Elsewhere", "Hawaii", "Pacific/Honolulu")
    there = scene.sim.hand_create("incident", 7, title="Fall", event_date="2026-03-01")
    for incident_id in (there, 12):
        assert scene.post({"incident_id": incident_id}, "/near_misses", "near_miss").status_code == 404
    assert scene.client.get(f"{INCIDENTS}/{there}").status_code == 404
    scene.incident()
    assert scene.sim.dump(PROJECT)[0]["number"] == 1, "each project counts for itself"


def test_only_the_counted_kinds_number_an_incidents_records(scene: Scene) -> None:
    incident = scene.incident()
    scene.injury(incident)
    scene.sim.hand_create("witness_statement", PROJECT, incident_id=incident, witness_id=scene.person_id)
    near_miss = scene.sim.hand_create("near_miss", PROJECT, incident_id=incident)
    assert scene.show(near_miss, "/near_misses")["full_number"] == "1.2"


def test_patch_leaves_absent_members_and_clears_null(scene: Scene) -> None:
    hazard = scene.sim.words("hazards")["Slip or Trip"]
    incident = scene.incident(description="Wet floor", hazard_id=hazard)
    scene.later(minutes=1)
    assert scene.patch(incident, {"hazard_id": None}).json()["hazard"] is None
    assert scene.show(incident)["description"] == "Wet floor"
    assert scene.patch(incident, {"title": None}).status_code == 422
    assert scene.show(incident)["updated_at"] == "2026-03-02T12:01:00Z"
    scene.later(minutes=1)
    assert scene.patch(incident, {"title": "Fall"}).json()["updated_at"] == "2026-03-02T12:01:00Z", "nothing changed"


def test_status_and_custom_status_follow_each_other(scene: Scene) -> None:
    review = scene.sim.custom_status("In review", "closed")
    incident = scene.incident()
    assert scene.patch(incident, {"custom_status_id": review}).json()["status"] == "closed"
    assert scene.patch(incident, {"status": "closed"}).json()["custom_status"]["name"] == "In review"
    assert scene.patch(incident, {"status": "open"}).json()["custom_status"]["name"] == "Open"


def test_workflow_lock_holds_its_fields_only(scene: Scene) -> None:
    incident = scene.incident()
    scene.sim.lock_workflow(incident)
    assert scene.patch(incident, {"title": "Slip", "status": "closed"}).status_code == 422
    assert scene.show(incident)["title"] == "Fall"
    assert scene.patch(incident, {"title": "Slip"}).status_code == 200
    scene.sim.hand_edit("incident", incident, status="closed")
    assert scene.show(incident)["status"] == "closed"


def test_a_field_set_is_enforced_only_for_writes_that_ask_for_it(scene: Scene) -> None:
    scene.sim.require("incident", "description")
    asking, bare = {"run_configurable_validations": "true"}, {"title": "Fall", "event_date": "2026-03-01T15:00:00Z"}
    refused = scene.post(bare, params=asking)
    assert (refused.status_code, refused.json()) == (422, {"errors": {"description": ["can't be blank"]}})
    assert scene.listed() == []
    incident = scene.post(bare).json()["id"]
    asked = f"{INCIDENTS}/{incident}?run_configurable_validations=true"
    assert scene.client.patch(asked, json={"incident": {"title": "Slip"}}).status_code == 422
    assert scene.client.patch(asked, json={"incident": {"description": "Ice."}}).status_code == 200
    assert scene.client.patch(asked, json={"incident": {"title": "Slip"}}).status_code == 200
    assert scene.client.patch(asked, json={"incident": {"description": None}}).status_code == 422
    assert scene.patch(incident, {"description": None}).status_code == 200
    assert scene.sim.refused == [], "a company's own rule is no breach of the contract"


def test_body_parts_need_an_affliction_type(scene: Scene) -> None:
    burn = scene.sim.words("affliction_types")["Burn"]
    parts = scene.sim.words("body_parts")
    injury = scene.injury(scene.incident())

    def patch(**members: Any) -> int:
        return scene.patch(injury, members, "/injuries", "injury").status_code

    assert patch(body_part_ids=[parts["ankle_left"]]) == 422
    assert patch(body_part_ids=[parts["Trunk"]], affliction_type_id=burn) == 422
    assert patch(body_part_ids=[parts["ankle_left"]], affliction_type_id=burn) == 200
    assert scene.show(injury, "/injuries")["affected_body_parts"] == ["ankle_left"]
    assert patch(affliction_type_id=None) == 422
    assert patch(affliction_type_id=None, body_part_ids=[]) == 422
    assert patch(body_part_ids=[]) == 200
    assert patch(affliction_type_id=None) == 200
    assert patch(affected_body_parts=["neck"], affliction_type_id=burn) == 200
    assert scene.show(injury, "/injuries")["body_parts"][0]["name"] == "neck"


def test_people_have_ids_by_role(scene: Scene) -> None:
    helper = scene.sim.add_person(PROJECT, "Bo", "Reed", full_user=False)
    user_id = scene.sim.person(scene.person_id).user_id
    injury = scene.injury(scene.incident())

    def patch(**members: Any) -> int:
        return scene.patch(injury, members, "/injuries", "injury").status_code

    assert patch(affected_person_id=scene.person_id) == 422
    assert patch(affected_party_id=user_id) == 422
    assert patch(affected_person_id=user_id, affected_party_id=helper) == 200
    row = scene.show(injury, "/injuries")
    assert (row["affected_person"]["login"], row["affected_party"]) == (
        "ada@example.com",
        {"id": helper, "name": "Bo Reed"},
    )
    assert scene.listed(path=f"/rest/v1.0/projects/{PROJECT}/users") == [user_id]
    people = scene.client.get(f"{COMPANY}/people").json()
    assert [(row["id"], row["user_id"]) for row in people] == [(scene.person_id, user_id), (helper, None)]
    scene.sim.deactivate_person(scene.person_id)
    assert scene.listed(path=f"/rest/v1.0/projects/{PROJECT}/users") == []
    assert scene.show(injury, "/injuries")["affected_person"]["name"] == "Ada Stone"


def test_read_and_write_shapes_differ(scene: Scene) -> None:
    scene.sim.add_custom_field(41, "lov_entry", {9: "Night shift"})
    scene.sim.add_custom_field(42, "string")
    incident = scene.incident()
    custom = {"custom_field_41": 9, "custom_field_42": "dry", "custom_field_44": "lost"}
    custom |= {"custom_fields": {"custom_field_43": "lost"}}
    assert scene.patch(incident, custom).json()["custom_fields"] == {
        "custom_field_41": {"data_type": "lov_entry", "value": {"id": 9, "label": "Night shift"}},
        "custom_field_42": {"data_type": "string", "value": "dry"},
    }
    members = {"incident_id": incident, "estimated_cost_impact": 20000, "description": "<p>Wall &amp; door</p>"}
    damage = scene.post(members, "/property_damages", "property_damage").json()
    assert (damage["estimated_cost_impact"], damage["description_plain_text"]) == ("20000.00", "Wall & door")
    text = {"incident_id": incident, "estimated_cost_impact": "20000.00"}
    assert scene.post(text, "/property_damages", "property_damage").status_code == 422


def test_inactive_words_stay_on_old_records_and_refuse_new_use(scene: Scene) -> None:
    retired = scene.sim.words("hazards")["Legacy Hazard"]
    scene.sim.register.state.lists["hazards"][retired].active = True
    old, other = scene.incident(hazard_id=retired), scene.incident()
    scene.sim.register.state.lists["hazards"][retired].active = False
    assert scene.patch(old, {"hazard_id": retired}).status_code == 200
    assert scene.patch(other, {"hazard_id": retired}).status_code == 422
    assert retired not in scene.listed(path=f"{COMPANY}/hazards")
    assert retired in scene.listed("all=true", f"{COMPANY}/hazards")
    options = scene.client.get(f"{INCIDENTS}/filter_options/hazards").json()
    assert options == [{"key": str(retired), "value": "Legacy Hazard"}]


def test_filter_options_of_records_list_the_values_in_use(scene: Scene) -> None:
    kinds, parts = scene.sim.words("affliction_types"), scene.sim.words("body_parts")
    used: dict[str, Any] = {"affliction_type_id": kinds["Burn"], "filing_type": "first_aid"}
    scene.injury(scene.incident(), body_part_ids=[parts["neck"]], affected_party_id=scene.person_id, **used)
    gone = scene.injury(scene.incident(), affliction_type_id=kinds["Fracture"])
    scene.sim.hand_delete("injury", gone)
    options = f"{INCIDENTS}/injuries/filter_options"
    for name, option in (
        ("affliction_types", {"key": str(kinds["Burn"]), "value": "Burn"}),
        ("affected_body_parts", {"key": "neck", "value": "Neck"}),
        ("filing_types", {"key": "first_aid", "value": "First aid"}),
        ("affected_parties", {"key": str(scene.person_id), "value": scene.sim.person(scene.person_id).name}),
    ):
        assert scene.client.get(f"{options}/{name}").json() == [option]
    assert scene.client.get(f"{options}/harm_sources").json() == []
    assert scene.client.get(f"{INCIDENTS}/near_misses/filter_options/work_activities").json() == []
    assert scene.client.get(f"{INCIDENTS}/near_misses/filter_options/filing_types").status_code == 404


def test_distribution_and_alerting_filing_types_mail_people(scene: Scene) -> None:
    user_id = scene.sim.person(scene.person_id).user_id
    incident = scene.incident(distribution_member_ids=[user_id], injuries=[{"filing_type": "fatality"}])
    assert scene.sim.mails == 0, "what people do by hand is not counted"
    scene.patch(incident, {"distribution_member_ids": [user_id], "injuries": [{"filing_type": "first_aid"}]})
    assert scene.sim.mails == 0
    scene.post({"title": "Slip", "event_date": "2026-03-01", "distribution_member_ids": [user_id]})
    scene.post({"incident_id": incident, "filing_type": "lost_time"}, "/injuries", "injury")
    assert scene.sim.mails == 2
    other = scene.sim.person(scene.sim.add_person(PROJECT, "Bo", "Reed")).user_id
    scene.patch(incident, {"distribution_member_ids": [user_id, other]})
    assert scene.sim.mails == 3


def test_create_with_deprecated_filing_type_sets_recordable(scene: Scene) -> None:
    made = scene.post({"incident_id": scene.incident(), "filing_type": "recordable"}, "/injuries", "injury").json()
    assert (made["filing_type"], made["recordable"]) == (None, True)


def test_all_child_kinds_live_die_and_return(scene: Scene) -> None:
    incident = scene.incident()
    needs = {
        "witness_statement": {"witness_id": scene.person_id},
        "action": {"action_type_id": scene.sim.words("action_types")["Toolbox Talk"]},
    }
    for kind in CHILD_KINDS:
        path, text = f"/{kind.plural}", "statement" if kind.name == "witness_statement" else "description"
        made = scene.post({"incident_id": incident, **needs.get(kind.name, {})}, path, kind.wrapper)
        assert made.status_code == 201, made.text
        record_id = made.json()["id"]
        assert scene.patch(record_id, {text: "Seen"}, path, kind.wrapper).json()[text] == "Seen"
        assert scene.client.delete(f"{INCIDENTS}{path}/{record_id}").status_code == 204
        recycled = f"/rest/{kind.bin_version}/projects/{PROJECT}/recycle_bin/incidents{path}"
        assert scene.client.get(f"{INCIDENTS}{path}/{record_id}").status_code == 404
        assert scene.listed(path=recycled) == [record_id]
        assert scene.client.get(f"{recycled}/{record_id}").json()["deleted_at"] == "2026-03-02T12:00:00Z"
        restored = scene.client.patch(f"{recycled}/{record_id}/restore")
        assert (restored.status_code, restored.content, scene.listed(path=recycled)) == (200, b"", [])
        assert scene.show(record_id, path)["id"] == record_id
    assert [scene.sim.writes[1], scene.sim.writes[3].verb] == [
        Write("PATCH", "injury", scene.sim.writes[0].id, {"description": "Seen"}),
        "RESTORE",
    ]


# Bin, privacy, permissions


def test_recycled_incident_takes_its_children_along_and_brings_them_back(scene: Scene) -> None:
    incident = scene.incident()
    lost_before, kept = scene.injury(incident), scene.injury(incident)
    scene.sim.hand_delete("injury", lost_before)
    assert scene.client.delete(f"{INCIDENTS}/{incident}").status_code == 204
    assert scene.listed(path=INCIDENTS) == scene.listed(path=f"{INCIDENTS}/injuries") == []
    assert scene.client.get(f"{INCIDENTS}/{incident}").status_code == 404
    assert (scene.listed(path=BIN), scene.listed(path=f"{BIN}/injuries")) == ([incident], [kept, lost_before])
    assert [(row["kind"], row["id"]) for row in scene.sim.bin(PROJECT)] == [
        ("incident", incident),
        ("injury", lost_before),
        ("injury", kept),
    ]
    assert scene.client.patch(f"{BIN}/injuries/{kept}/restore").status_code == 422
    assert scene.client.patch(f"{BIN}/{incident}/restore").status_code == 200
    assert [row["id"] for row in scene.show(incident)["injuries"]] == [kept]
    assert scene.client.patch(f"{BIN}/{incident}/restore").status_code == 404


def test_account_without_admin_sees_no_private_incidents_and_no_bin(scene: Scene) -> None:
    private, public = scene.incident(private=True), scene.incident()
    inside = scene.injury(private)
    own = scene.post({"title": "Own", "event_date": "2026-03-01", "private": True}).json()["id"]
    assert scene.listed() == [own, public, private]
    scene.sim.service_account_is_admin = False
    assert scene.listed() == [own, public]
    assert scene.listed(path=f"{INCIDENTS}/injuries") == []
    assert scene.client.get(f"{INCIDENTS}/injuries/{inside}").status_code == 404
    assert scene.client.get(f"{INCIDENTS}/{private}").status_code == 404
    assert scene.client.get(BIN).status_code == scene.client.delete(f"{INCIDENTS}/{own}").status_code == 403
    assert (scene.patch(own, {"title": "Mine"}).status_code, scene.patch(public, {"title": "?"}).status_code) == (
        200,
        403,
    )
    scene.sim.hand_edit("incident", private, assignee_ids=[scene.sim.account.login_id])
    assert private in scene.listed()


def test_lost_projects_and_forbidden_paths_answer_403(scene: Scene) -> None:
    scene.sim.add_project(7, "Elsewhere", "Hawaii", "Pacific/Honolulu")
    listing = "/rest/v1.1/projects?company_id=26972"
    assert [row["id"] for row in scene.client.get(listing).json()] == [PROJECT, 7]
    scene.sim.hide_project(7)
    assert [row["id"] for row in scene.client.get(listing).json()] == [PROJECT]
    assert scene.client.get("/rest/v1.0/projects/7/incidents").status_code == 403
    assert scene.client.get("/rest/v1.0/projects/8/incidents").status_code == 404
    scene.sim.forbid("/injuries")
    assert scene.client.get(f"{INCIDENTS}/injuries").status_code == 403
    assert scene.client.get(INCIDENTS).status_code == 200
    scene.sim.permit_all()
    assert scene.client.get(f"{INCIDENTS}/injuries").status_code == 200
    assert scene.sim.refused == []


def test_another_company_is_out_of_reach(scene: Scene) -> None:
    assert scene.client.get("/rest/v1.0/companies/7/hazards").status_code == 403
    scene.client.headers["Procore-Company-Id"] = "7"
    assert scene.client.get(INCIDENTS).status_code == 403


def test_directory_and_places(scene: Scene) -> None:
    project = f"/rest/v1.0/projects/{PROJECT}"
    scene.sim.add_person(PROJECT, "Bo", "Reed", full_user=False)
    listings = [
        scene.client.get(f"{project}/people?{query}").json() for query in ("filters[search]=stone", "sort=-name")
    ]
    assert [[row["last_name"] for row in rows] for rows in listings] == [["Stone"], ["Stone", "Reed"]]
    (reference,) = scene.client.get(f"{project}/people?filters[reference_users_only]=true&view=extended").json()
    assert (reference["first_name"], reference["reference_user"]) == ("Bo", True)
    user_id = scene.sim.person(scene.person_id).user_id
    assert scene.client.get(f"{project}/users/{user_id}").json()["employee_id"] == "E-7"
    assert scene.client.get(f"{project}/users/{scene.person_id}").status_code == 404
    roof, crane = scene.sim.add_location(PROJECT, "Roof"), scene.sim.add_equipment(PROJECT, "Crane")
    mason = scene.sim.add_vendor("Mason's & Sons")
    assert scene.client.get(f"{project}/locations/{roof}").json()["node_name"] == "Roof"
    assert scene.client.get(f"{project}/locations/{crane}").status_code == 404
    assert scene.listed(path=f"{project}/managed_equipment") == [crane]
    assert scene.listed(path=f"/rest/v1.1/projects/{PROJECT}/vendors") == [mason]
    injury = scene.injury(scene.incident(location_id=roof), affected_company_id=mason, managed_equipment_id=crane)
    row = scene.show(injury, "/injuries")
    assert row["affected_company"] == {"id": mason, "name": "Mason's & Sons"}
    assert scene.listed(f"filters[affected_company_id][]={mason}", f"{INCIDENTS}/injuries") == [injury]
    assert scene.client.get(INCIDENTS).json()[0]["location"]["name"] == "Roof"


def test_account_and_company(scene: Scene) -> None:
    assert "name" not in scene.client.get("/rest/v1.0/me").json()
    assert scene.client.get("/rest/v1.0/me?company_id=26972").json()["name"] == " incident-sync-0a813c91"
    assert scene.listed(path="/rest/v1.0/companies") == [26972]
    assert scene.client.get(f"{INCIDENTS}/configuration").json()["private_by_default"] is False
    assert scene.client.get("/rest/v1.1/projects?company_id=26972&view=ids").json() == [PROJECT]


def test_project_zone_has_two_vocabularies(scene: Scene) -> None:
    project = f"/rest/v1.0/projects/{PROJECT}"
    assert scene.client.get(project).status_code == 400
    row = scene.client.get(f"{project}?company_id=26972").json()
    assert (row["time_zone"], row["tz_name"]) == ("Eastern Time (US & Canada)", "America/New_York")
    (normal,) = scene.client.get("/rest/v1.1/projects?company_id=26972").json()
    assert (normal["time_zone"], "tz_name" in normal) == ("Eastern Time (US & Canada)", False)


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("incidents/affliction_types", {"name", "name_key", "active"}),
        ("incidents/body_parts", {"parent_id", "selectable"}),
        ("incidents/work_activities", {"name", "global"}),
        ("incidents/injury_filing_types", {"name", "severity_level"}),
        ("incidents/severity_levels", {"email_trigger", "order"}),
        ("incidents/affected_body_parts", {"label", "value"}),
        ("incidents/filing_types", {"label", "value"}),
        ("incidents/statuses", {"label", "value"}),
        ("incidents/units_of_measure", {"label", "value"}),
    ],
)
def test_pickers(scene: Scene, path: str, keys: set[str]) -> None:
    rows = scene.client.get(f"{COMPANY}/{path}").json()
    assert all(keys <= set(row) for row in rows)
    assert rows


def test_body_parts_form_a_tree_of_which_only_parts_are_selectable(scene: Scene) -> None:
    rows = scene.client.get(f"{COMPANY}/incidents/body_parts?per_page=1000").json()
    by_id = {row["id"]: row for row in rows}
    roots = {row["name"] for row in rows if row["parent_id"] is None}
    assert (len(rows), {row["name"] for row in rows if not row["selectable"]}) == (143, roots)
    left = next(row for row in rows if row["name"] == "finger_index_left")
    assert by_id[left["parent_id"]]["name"] == "finger_index"


# Dials


def bumps_parent(scene: Scene) -> Any:
    incident = scene.incident()
    scene.later(minutes=1)
    scene.injury(incident)
    return scene.show(incident)["updated_at"]


def hides_unknown_time(scene: Scene) -> Any:
    incident = scene.incident(time_unknown=True)
    return (scene.listed() == [incident], scene.listed("filters[time_unknown]=true") == [incident])


def repeats_token(scene: Scene) -> Any:
    headers = {"Idempotency-Token": "t-1"}
    answers = [scene.post({"title": "Fall", "event_date": "2026-03-01"}, headers=headers) for _ in range(2)]
    return ([answer.status_code for answer in answers], len(scene.listed()))


def _in_range(ends: str) -> Callable[[Scene], Any]:
    def look(scene: Scene) -> Any:
        scene.incident()
        return len(scene.listed(f"filters[updated_at]={ends}"))

    return look


def local_day(scene: Scene) -> Any:
    scene.incident(event_date="2026-03-01T02:00:00Z")
    return len(scene.listed("filters[event_date]=2026-02-28...2026-02-28"))


def child_page(scene: Scene) -> Any:
    return scene.client.get(f"{COMPANY}/incidents/body_parts?per_page=1000").headers["per-page"]


def recycled_show(scene: Scene) -> Any:
    incident = scene.incident()
    scene.sim.hand_delete("incident", incident)
    answer = scene.client.get(f"{INCIDENTS}/{incident}")
    return (answer.status_code, answer.json().get("deleted_at"))


def stamp_after_delete(scene: Scene) -> Any:
    incident = scene.incident()
    scene.later(minutes=1)
    scene.sim.hand_delete("incident", incident)
    return scene.sim.record(incident).updated_at.minute


def stamp_after_restore(scene: Scene) -> Any:
    incident = scene.incident()
    scene.sim.hand_delete("incident", incident)
    scene.later(minutes=1)
    scene.sim.hand_restore("incident", incident)
    return scene.sim.record(incident).updated_at.minute


def children_of_recycled(scene: Scene) -> Any:
    incident = scene.incident(injuries=[{}])
    scene.sim.hand_delete("incident", incident)
    return len(scene.listed(path=f"{INCIDENTS}/injuries"))


def recycled_child_in_show(scene: Scene) -> Any:
    incident = scene.incident()
    scene.sim.hand_delete("injury", scene.injury(incident))
    return len(scene.show(incident)["injuries"])


def null_in_patch(scene: Scene) -> Any:
    return scene.patch(scene.incident(description="Wet"), {"description": None}).json()["description"]


def both_cleared(scene: Scene) -> Any:
    words = scene.sim.words
    kind, part = words("affliction_types")["Burn"], words("body_parts")["neck"]
    injury = scene.injury(scene.incident(), affliction_type_id=kind, body_part_ids=[part])
    return scene.patch(injury, {"affliction_type_id": None, "body_part_ids": []}, "/injuries", "injury").status_code


def stored_description(scene: Scene) -> Any:
    return scene.show(scene.incident(description=" A < B "))["description"]


def rate_headers(scene: Scene) -> Any:
    return "x-rate-limit-reset" in scene.client.get(INCIDENTS).headers


def retry_after(scene: Scene) -> Any:
    scene.sim.set_limits(hour=0)
    return "retry-after" in scene.client.get(INCIDENTS).headers


def error_shape(scene: Scene) -> Any:
    answer = scene.post({"title": "Fall"})
    body = answer.json()
    inner = body.get("errors", body.get("error"))
    return (answer.status_code, type(inner).__name__, "error" in body)


def author(scene: Scene) -> Any:
    return scene.show(scene.incident())["created_by"] is None


def zone_shown(scene: Scene) -> Any:
    return "tz_name" in scene.client.get(f"/rest/v1.0/projects/{PROJECT}?company_id=26972").json()


def bare_array(scene: Scene) -> Any:
    ids = [scene.incident(), scene.incident()]
    return [
        scene.client.get(INCIDENTS, params={"filters[id]": text}).status_code
        for text in (f"{ids[0]},{ids[1]}", f"[{ids[0]}, {ids[1]}]")
    ]


def private_show(scene: Scene) -> Any:
    incident = scene.incident(private=True)
    scene.sim.service_account_is_admin = False
    return scene.client.get(f"{INCIDENTS}/{incident}").status_code


def undefined_field(scene: Scene) -> tuple[int, str, dict[str, Any]]:
    incident = scene.incident()
    answer = scene.patch(incident, {"title": "Slip", "custom_field_43": "lost"})
    row = scene.show(incident)
    return answer.status_code, row["title"], row["custom_fields"]


def unknown_member(scene: Scene) -> Any:
    answer = scene.patch(scene.incident(), {"colour": "red", "title": "Slip"})
    return (answer.status_code, scene.sim.dump(PROJECT)[0]["title"], len(scene.sim.refused))


def unknown_time(scene: Scene) -> Any:
    return scene.show(scene.incident(event_date="2026-03-09T02:30:00Z", time_unknown=True))["event_date"]


def odd_texts(scene: Scene) -> Any:
    """A text in a create, in a change and in a custom field."""
    scene.sim.add_custom_field(43, "string")
    incident = scene.incident(description=ODD)
    made = scene.show(incident)["description"]
    scene.patch(incident, {"description": f"{ODD}", "custom_field_43": ODD})
    row = scene.show(incident)
    return [made, row["description"], row["custom_fields"]["custom_field_43"]["value"]]


def shipped_words(scene: Scene) -> Any:
    """An entry that ships with Procore and one of the company's own, a part in its own list and as people read it."""
    lists, names = scene.sim.words, {}
    scene.sim.add_word("affliction_types", "Jellyfish")
    for name, listing in (("affliction_types", ("Cut or Laceration", "Jellyfish")), ("body_parts", ("ear_left",))):
        rows = {row["id"]: row for row in scene.client.get(f"{COMPANY}/incidents/{name}?per_page=1000").json()}
        names |= {word: rows[lists(name)[word]] for word in listing}
    labels = {row["value"]: row["label"] for row in scene.client.get(f"{COMPANY}/incidents/affected_body_parts").json()}
    assert (labels.keys(), len(set(labels.values()))) == (set(BODY_PART_KEYS), 138)
    cut, own, ear = names.values()
    return cut["name"], cut.get("name_key"), own["name"], own.get("name_key"), ear["name"], labels["ear_left"]


CUT, TAGLIO, OWN, EAR = "Cut or Laceration", "Taglio o lacerazione", "Jellyfish", "ear_left"


def near_miss_without_a_required_field(scene: Scene) -> int:
    scene.sim.require("near_miss", "description")
    body = {"near_miss": {"incident_id": scene.incident()}}
    asked = {"run_configurable_validations": "true"}
    answer = scene.client.post(f"{INCIDENTS}/near_misses", params=asked, json=body)
    assert scene.sim.refused == []
    return answer.status_code


def people_after_one_left(scene: Scene) -> int:
    scene.sim.deactivate_person(scene.person_id)
    return len(scene.listed(path=f"/rest/v1.0/projects/{PROJECT}/people"))


DIALS: list[tuple[str, Callable[[Scene], Any], dict[Any, Any]]] = [
    ("child_edit_bumps_incident", bumps_parent, {False: "2026-03-02T12:00:00Z", True: "2026-03-02T12:01:00Z"}),
    ("time_unknown_default_hides", hides_unknown_time, {False: (True, True), True: (False, True)}),
    ("idempotency_token_honoured", repeats_token, {False: ([201, 201], 2), True: ([201, 200], 1)}),
    ("range_start_included", _in_range("2026-03-02T12:00:00Z...2026-03-03"), {True: 1, False: 0}),
    ("range_end_included", _in_range("2026-03-01...2026-03-02T12:00:00Z"), {True: 1, False: 0}),
    ("range_end_included", _in_range("2026-03-01...2026-03-02"), {True: 1, False: 0}),
    ("range_days_are_local", local_day, {True: 1, False: 0}),
    ("child_page_cap", child_page, {1000: "1000", 100: "100"}),
    ("recycled_get_answers", recycled_show, {404: (404, None), 200: (200, "2026-03-02T12:00:00Z")}),
    ("delete_bumps_updated_at", stamp_after_delete, {True: 1, False: 0}),
    ("restore_bumps_updated_at", stamp_after_restore, {True: 1, False: 0}),
    ("delete_hides_children_in_lists", children_of_recycled, {True: 0, False: 1}),
    ("show_includes_recycled_children", recycled_child_in_show, {False: 0, True: 1}),
    ("null_clears", null_in_patch, {True: None, False: "Wet"}),
    ("one_patch_clears_both", both_cleared, {False: 422, True: 200}),
    ("html_wraps_description", stored_description, {False: " A < B ", True: "<p> A &lt; B </p>"}),
    ("trims_text", stored_description, {False: " A < B ", True: "A < B"}),
    ("text_kept", odd_texts, {"whole": [ODD] * 3, **{form: [kept] * 3 for form, kept in ODD_KEPT.items()}}),
    ("rate_headers_sent", rate_headers, {True: True, False: False}),
    ("retry_after_on_429", retry_after, {True: True, False: False}),
    (
        "error_form",
        error_shape,
        {"map": (422, "dict", False), "string": (422, "str", False), "nested": (422, "dict", True)},
    ),
    ("validation_status", error_shape, {422: (422, "dict", False), 400: (400, "dict", False)}),
    ("created_by_null", author, {False: False, True: True}),
    ("tz_name_shown", zone_shown, {True: True, False: False}),
    ("array_filter_needs_brackets", bare_array, {True: [400, 400], False: [200, 200]}),
    ("private_get_answers", private_show, {404: 404, 403: 403}),
    ("patch_unknown_fields", unknown_member, {"refuse": (422, "Fall", 1), "ignore": (200, "Slip", 0)}),
    ("undefined_custom_fields", undefined_field, {"ignore": (200, "Slip", {}), "refuse": (422, "Fall", {})}),
    (
        "unknown_time_event_date",
        unknown_time,
        {
            "kept": "2026-03-09T02:30:00Z",
            "local midnight": "2026-03-08T05:00:00Z",
            "local noon": "2026-03-08T16:00:00Z",
            "UTC midnight": "2026-03-08T00:00:00Z",
        },
    ),
    (
        "word_form",
        shipped_words,
        {
            "tokens": (CUT, "cut_or_laceration", OWN, "jellyfish", EAR, "Ear (Left)"),
            "names": ("Cut/Laceration", "Cut/Laceration", OWN, OWN, "Ear Left", "Ear (Left)"),
            "Italian": (TAGLIO, CUT, OWN, OWN, EAR, "Orecchio (sinistra)"),
            "Italian without keys": (TAGLIO, None, OWN, None, EAR, "Orecchio (sinistra)"),
        },
    ),
    ("near_miss_create_validates", near_miss_without_a_required_field, {True: 422, False: 201}),
    ("people_who_left_listed", people_after_one_left, {True: 1, False: 0}),
    (
        "fractional_seconds",
        lambda scene: scene.show(scene.incident())["created_at"][-5:],
        {False: "0:00Z", True: ".000Z"},
    ),
]


@pytest.mark.parametrize(("dial", "look", "answers"), DIALS, ids=[f"{dial}-{look.__name__}" for dial, look, _ in DIALS])
def test_dials(dial: str, look: Callable[[Scene], Any], answers: dict[Any, Any]) -> None:
    for setting, expected in answers.items():
        assert look(Scene(replace(ProcoreDials(), **{dial: setting}))) == expected, setting


def test_alternatives_turn_each_dial_once() -> None:
    plain = ProcoreDials()
    names = {dial.name for dial in fields(plain)}
    turned = [
        [name for name in names if getattr(other, name) != getattr(plain, name)] for other in plain.alternatives()
    ]
    assert all(len(dials) == 1 for dials in turned)
    assert {name for dials in turned for name in dials} == names == {dial for dial, _, _ in DIALS}


# What people do by hand


def test_edits_by_hand_obey_the_rules_of_state(scene: Scene) -> None:
    with pytest.raises(Refusal, match="title"):
        scene.sim.hand_create("incident", PROJECT, event_date=scene.now)
    incident = scene.incident()
    scene.later(minutes=1)
    scene.sim.hand_edit("incident", incident, title="Slip", event_date=scene.now)
    (row,) = scene.sim.dump(PROJECT)
    assert (row["title"], row["event_date"], row["updated_at"]) == ("Slip", *["2026-03-02T12:01:00Z"] * 2)
    assert row["created_by"]["login"] == "robin.marsh@example.com"
    assert (scene.sim.writes, scene.sim.refused) == ([], [])


def test_snapshot_brings_back_records_and_ids(scene: Scene) -> None:
    incident = scene.incident()
    night = scene.sim.snapshot()
    scene.sim.hand_edit("incident", incident, title="Slip")
    two = scene.incident()
    scene.sim.restore_snapshot(night)
    assert [row["title"] for row in scene.client.get(INCIDENTS).json()] == ["Fall"]
    assert scene.incident() == two
    scene.sim.restore_snapshot(night)
    assert scene.listed() == [incident]


def test_seeds_share_no_ids(scene: Scene) -> None:
    other = SimulatedProcore(clock=lambda: scene.now, seed=1)
    assert not set(other.words("hazards").values()) & set(scene.sim.words("hazards").values())


def test_served_over_loopback(scene: Scene) -> None:
    scene.incident(title="Größe")
    scene.incident()
    with LoopbackServer(scene.sim.handle) as server, httpx.Client(base_url=server.url, trust_env=False) as client:
        token = client.post("/oauth/token", json=CREDENTIALS).json()["access_token"]
        client.headers.update({"Authorization": f"Bearer {token}", "Procore-Company-Id": "26972"})
        first = client.get(f"{INCIDENTS}?per_page=1&filters[updated_at]=2026-03-01...2026-03-03")
        second = client.get(first.links["next"]["url"])
        assert second.json()[0]["title"] == "Größe"
        scene.faults.add(FaultKind.REFUSED_CONNECTION)
        with pytest.raises(httpx.RemoteProtocolError):
            client.get(INCIDENTS)


# Faults


@pytest.mark.parametrize(
    ("kind", "status", "processed"),
    [
        (FaultKind.REFUSED_CONNECTION, None, False),
        (FaultKind.LOST_ANSWER, None, True),
        (FaultKind.ERROR_BEFORE, 500, False),
        (FaultKind.ERROR_AFTER, 502, True),
        (FaultKind.UNAVAILABLE, 503, False),
        (FaultKind.TOO_MANY, 429, False),
        (FaultKind.UNAUTHORIZED, 401, False),
        (FaultKind.FORBIDDEN, 403, False),
        (FaultKind.HTML, 200, False),
        (FaultKind.HALF_JSON, 201, True),
        (FaultKind.ERROR_INSIDE, 200, False),
        (FaultKind.EMPTY, 200, False),
        (FaultKind.OTHER_SCHEMA, 201, True),
        (FaultKind.LATE, None, False),
    ],
)
def test_faults_befall_one_request(scene: Scene, kind: FaultKind, status: int | None, processed: bool) -> None:
    scene.faults.add(kind, method="POST", path="/incidents$", skip=1)
    members = {"title": "Fall", "event_date": "2026-03-01"}
    assert scene.post(members).status_code == 201, "skipped"
    if status is None:
        with pytest.raises(httpx.ReadError):
            scene.post(members)
    else:
        assert scene.post(members).status_code == status
    assert len(scene.listed()) == 1 + processed
    assert scene.post(members).status_code == 201, "once only"
    assert scene.faults.fired == {kind: 1}


def test_spoiled_answers(scene: Scene) -> None:
    incident = scene.incident()
    kinds = (FaultKind.HTML, FaultKind.HALF_JSON, FaultKind.ERROR_INSIDE, FaultKind.EMPTY, FaultKind.OTHER_SCHEMA)
    for kind in kinds:
        scene.faults.add(kind)
    html, half, error, empty, other = (scene.client.get(INCIDENTS) for _ in kinds)
    assert html.headers["content-type"].startswith("text/html")
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        half.json()
    assert "error" in error.json()
    assert (empty.json(), empty.headers["total"]) == ([], "0")
    assert other.json()[0]["new_id"] == incident
    assert all(answer.headers["date"] for answer in (html, half, error, empty, other))


def test_faults_that_ask_for_patience(scene: Scene) -> None:
    scene.faults.add(FaultKind.TOO_MANY, delay=timedelta(seconds=7))
    scene.faults.add(FaultKind.TOO_MANY, times=2)
    scene.faults.add(FaultKind.UNAVAILABLE, status=504, times=None)
    with_wait, without, again, down = (scene.client.get(INCIDENTS) for _ in range(4))
    assert with_wait.headers["retry-after"] == "7"
    assert "retry-after" not in without.headers
    assert (again.status_code, down.status_code, down.headers["retry-after"]) == (429, 504, "1")
    scene.faults.clear()
    assert scene.client.get(INCIDENTS).status_code == 200


def test_late_request_is_processed_when_its_moment_comes(scene: Scene) -> None:
    scene.faults.add(FaultKind.LATE, where=lambda request: b"Late" in request.body, delay=timedelta(minutes=3))
    with pytest.raises(httpx.ReadError):
        scene.post({"title": "Late", "event_date": "2026-03-01"})
    scene.later(minutes=2)
    assert scene.listed() == []
    scene.later(minutes=1)
    (row,) = scene.client.get(INCIDENTS).json()
    assert (row["title"], row["created_at"]) == ("Late", "2026-03-02T12:03:00Z")


def test_callbacks_edit_at_an_exact_moment_and_end_a_process(scene: Scene) -> None:
    class Killed(BaseException):
        pass

    def edit(request: Request) -> None:
        if request.method == "GET" and not scene.sim.dump(PROJECT):
            scene.incident(title="Just before")

    def kill(request: Request, response: Response) -> None:
        if request.method == "POST" and response.status == 201:
            raise Killed

    scene.faults.on_request.append(edit)
    assert len(scene.listed()) == 1
    scene.faults.on_response.append(kill)
    with pytest.raises(Killed):
        scene.post({"title": "Fall", "event_date": "2026-03-01"})
    assert len(scene.listed()) == 2


def test_latency_is_felt_by_each_request(scene: Scene) -> None:
    moments: list[datetime] = []
    scene.faults.latency = lambda: moments.append(scene.now)
    scene.listed()
    scene.later(seconds=1)
    scene.listed()
    assert [moment.second for moment in moments] == [0, 1]
