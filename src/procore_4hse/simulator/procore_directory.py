"""The other endpoints of the simulated Procore: company, projects, people and the lists of words."""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial

from procore_4hse.simulator import procore_contract as contract
from procore_4hse.simulator.procore_answers import Row
from procore_4hse.simulator.procore_endpoints import Call, Endpoint, Endpoints
from procore_4hse.simulator.procore_listing import DEFAULT_PAGE, cut_page, select_rows
from procore_4hse.simulator.procore_rules import Refusal, not_found
from procore_4hse.simulator.procore_words import Form, part_label
from procore_4hse.simulator.wire import Response

ACTIVE_ONLY = frozenset({"hazards", "contributing_behaviors", "contributing_conditions", "harm_sources"})
"""Lists that leave out inactive entries unless all=true (P98)."""


class DirectoryEndpoints(Endpoints):
    def endpoints(self) -> Iterator[Endpoint]:
        yield from self._directory()
        yield from self._pickers()

    def _directory(self) -> Iterator[Endpoint]:
        v0, v1 = "/rest/v1.0", "/rest/v1.1"
        project = "/projects/{project_id}"
        yield Endpoint("GET", f"{v0}/me", contract.ME, self._me)
        yield Endpoint("GET", f"{v0}/companies", contract.COMPANIES, self._companies)
        yield Endpoint("GET", f"{v1}/projects", contract.PROJECTS, self._list_projects)
        yield Endpoint("GET", f"{v0}/projects/{{id}}", contract.PROJECT, self._show_project)
        yield Endpoint("GET", f"{v0}{project}/users", contract.USERS, self._list_users)
        yield Endpoint("GET", f"{v0}{project}/users/{{id}}", contract.NO_QUERY, self._show_user)
        yield Endpoint("GET", f"{v0}{project}/people", contract.PROJECT_PEOPLE, self._list_people)
        yield Endpoint("GET", f"{v0}/companies/{{company_id}}/people", contract.COMPANY_PEOPLE, self._list_people)
        yield Endpoint("GET", f"{v1}{project}/vendors", contract.VENDORS, partial(self._entries, "vendors"))
        for name, fields in (("locations", contract.LOCATIONS), ("managed_equipment", contract.MANAGED_EQUIPMENT)):
            yield Endpoint("GET", f"{v0}{project}/{name}", fields, partial(self._entries, name))
        yield Endpoint("GET", f"{v0}{project}/locations/{{location_id}}", contract.NO_QUERY, self._show_location)
        yield Endpoint("GET", f"{v0}{project}/incidents/configuration", contract.NO_QUERY, self._configuration)

    def _pickers(self) -> Iterator[Endpoint]:
        for path, fields in contract.COMPANY_PICKERS.items():
            template = f"/rest/v1.0/companies/{{company_id}}/{path}"
            name = path.rpartition("/")[2]
            yield Endpoint("GET", template, fields, partial(self._picker, name))
        for kind, options in contract.FILTER_OPTIONS.items():
            path = "incidents" if kind == "incident" else f"incidents/{contract.KIND[kind].plural}"
            for name, member in options.items():
                template = f"/rest/v1.0/projects/{{project_id}}/{path}/filter_options/{name}"
                yield Endpoint("GET", template, contract.NO_QUERY, partial(self._options, kind, member))

    def _me(self, call: Call) -> Response:
        row: Row = {"id": self.account.user_id, "login": self.account.login}
        # The name comes only when a company or project is stated (P10).
        return Response.of(200, row | ({"name": self.account.name} if call.query.values else {}))

    def _companies(self, call: Call) -> Response:
        row = {"id": self.company_id, "name": "Simulated Builders", "is_active": True, "logo_url": None}
        return self._rows([row | {"my_company": True}], call)

    def _list_projects(self, call: Call) -> Response:
        self._require_company_query(call)
        view = call.query.values.get("view", "normal")
        status = call.query.filters.get("by_status", "Active")
        projects = self.register.state.projects.values() if status != "Inactive" else ()
        visible = [project for project in projects if not project.hidden]
        if view == "ids":  # All at once, whatever the page asked for.
            ids = [project.id for project in visible]
            return Response.of(200, ids, {"Total": str(len(ids)), "Per-Page": "200000"})
        rows = [self.answers.project(project, view=view) for project in visible]
        matching = select_rows(rows, call.query, self.register.dials)
        page = cut_page(matching, call.request, call.query, default=DEFAULT_PAGE, cap=300, strict=True)
        return Response.of(200, page.rows, page.headers)

    def _show_project(self, call: Call) -> Response:
        self._require_company_query(call)
        view = "compact" if "view" in call.query.values else "show"
        return Response.of(200, self.answers.project(self.project(call.ids["id"]), view=view))

    def _require_company_query(self, call: Call) -> None:
        if call.query.values.get("company_id") != self.company_id:
            raise Refusal(400, {"base": ["Missing Project or Company ID"]}, breach=True)

    def _list_users(self, call: Call) -> Response:
        view = call.query.values.get("view", "normal")
        people = self.register.state.people.values()
        here = (
            person
            for person in people
            if person.project_id == call.ids["project_id"] and person.user_id and person.active
        )
        return self._rows((self.answers.user(person, view=view) for person in here), call)

    def _show_user(self, call: Call) -> Response:
        # By the user's id, also of somebody who left: only the list is of active users (P95).
        people = self.register.state.people.values()
        here = (each for each in people if each.project_id == call.ids["project_id"])
        person = next((each for each in here if each.user_id == call.ids["id"]), None)
        if person is None:
            raise not_found()
        return Response.of(200, self.answers.user(person))

    def _list_people(self, call: Call) -> Response:
        view = call.query.values.get("view", "normal")
        project_id = call.ids.get("project_id")
        people = self.register.state.people.values()
        shows_all = self.register.dials.people_who_left_listed
        here = (each for each in people if project_id in (None, each.project_id) and (each.active or shows_all))
        return self._rows((self.answers.person(person, view=view) for person in here), call)

    def _entries(self, name: str, call: Call) -> Response:
        entries = self.register.state.lists[name].values()
        here = (entry.row for entry in entries if entry.project_id in (None, call.ids["project_id"]))
        return self._rows(here, call)

    def _show_location(self, call: Call) -> Response:
        entry = self.register.state.lists["locations"].get(call.ids["location_id"])
        if entry is None or entry.project_id != call.ids["project_id"]:
            raise not_found()
        return Response.of(200, entry.row)

    def _configuration(self, call: Call) -> Response:
        self.require_admin()
        row = {"project_id": call.ids["project_id"], "private_by_default": False, "default_distribution": []}
        return Response.of(200, row)

    def _picker(self, name: str, call: Call) -> Response:
        fixed = fixed_words(self.register.dials.word_form)
        if name in fixed:
            return Response.of(200, fixed[name])
        shows_all = call.query.values.get("all", name not in ACTIVE_ONLY) or "active" in call.query.filters
        entries = self.register.state.lists[name].values()
        return self._rows((entry.row for entry in entries if entry.active or shows_all), call)

    def _options(self, kind: str, member: str, call: Call) -> Response:
        """Key and value of what the project's visible records of this kind use now."""
        if member == "status":
            return Response.of(200, [{"key": word, "value": word.capitalize()} for word in contract.WORDS["status"]])
        kept = self.register.state.records_of(kind, call.ids["project_id"])
        live = [record.values[member] for record in kept if record.deleted_at is None and self.may_see(record)]
        used = {each for value in live for each in (value if isinstance(value, list) else [value]) if each is not None}
        return Response.of(200, [self._option(member, each) for each in sorted(used)])

    def _option(self, member: str, used: int | str) -> Row:
        """A body part and a filing type by the word that the filter of the listing takes, all else by the id."""
        state = self.register.state
        if member == "filing_type":
            return {"key": str(used), "value": str(used).replace("_", " ").capitalize()}
        if member == "body_part_ids":
            key = state.part_keys[int(used)]
            return {"key": key, "value": part_label(key, self.register.dials.word_form)}
        if member == "assignee_ids":
            return {"key": str(used), "value": state.logins[int(used)]}
        return {"key": str(used), "value": self._option_name(contract.REFERENCES[member], int(used))}

    def _option_name(self, listing: str, target_id: int) -> str:
        state = self.register.state
        if listing == "people":
            return state.people[target_id].name
        if listing == "users":
            return str(state.users[target_id]["name"])
        return str(state.lists[listing][target_id].row["name"])

    def _rows(self, rows: Iterable[Row], call: Call) -> Response:
        matching = select_rows(rows, call.query, self.register.dials)
        cap = self.register.dials.child_page_cap
        page = cut_page(matching, call.request, call.query, default=DEFAULT_PAGE, cap=cap, strict=False)
        return Response.of(200, page.rows, page.headers)


def fixed_words(form: Form) -> Mapping[str, list[Row]]:
    """Label and value of the words that the contract fixes; these lists have no pages."""
    labels = {
        "affected_body_parts": {key: part_label(key, form) for key in contract.BODY_PART_KEYS},
        "filing_types": {word: word.replace("_", " ").capitalize() for word in contract.FILING_TYPES},
        "statuses": {word: word.capitalize() for word in contract.WORDS["status"]},
        "units_of_measure": {word: word for word in contract.WORDS["unit"]},
    }
    return {
        name: [{"label": label, "value": value} for value, label in words.items()] for name, words in labels.items()
    }
