import json
import re
import shlex
import tomllib
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID

import pytest

import procore_4hse
from procore_4hse.errors import ConfigurationError, Problem
from procore_4hse.mapping.rules import FieldMapping
from procore_4hse.models import Side
from procore_4hse.route import Route
from procore_4hse.settings import model
from procore_4hse.settings.loader import load
from procore_4hse.settings.model import Deletions, DirectionSetting, Private, Settings
from procore_4hse.settings.toml_file import lines_of
from procore_4hse.settings.values import age, duration

GOOD = """\
[procore]
company_id = 26972
client_id = "procore-app"
client_secret = "procore-secret-1"

[fourhse]
client_id = "hse-app"
username = "sync@site.example"
password = "hse-secret-2"

[store]
url = "sqlite:///data/sync.db"

[schedule]
every = "90s"

[guards]
max_deletes = 5

[[routes]]
name = "riverside"
procore_project = 1363617
fourhse_project = "0d0c2d0e-6b2f-4a51-9f3f-0c8a3f2f2c11"
fourhse_office = "5b7f5a5e-1d39-4a7c-8f43-7b1d6f3a9e02"
mapping = "mappings/default"
since = 2026-01-01
"""
SECOND_ROUTE = """
[[routes]]
name = "hillside"
procore_project = 1363618
fourhse_project = "0d0c2d0e-6b2f-4a51-9f3f-0c8a3f2f2c11"
fourhse_office = "6c7f5a5e-1d39-4a7c-8f43-7b1d6f3a9e03"
mapping = "mappings/default"
since = "2026-02-01"
"""
ROUTE = {
    "name": "quarry",
    "procore_project": 7,
    "fourhse_project": "0d0c2d0e-6b2f-4a51-9f3f-0c8a3f2f2c11",
    "fourhse_office": "5b7f5a5e-1d39-4a7c-8f43-7b1d6f3a9e02",
    "mapping": "words",
    "since": "2026-03-01",
}
SECRETS = ("procore-secret-1", "hse-secret-2")

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(text: str) -> Path:
        file = tmp_path / "site" / "sync.toml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        file.chmod(0o600)
        return file

    return write_file


def problems_of(config: Path | None, environ: dict[str, str]) -> tuple[Problem, ...]:
    with pytest.raises(ConfigurationError) as caught:
        load(config, environ)
    return caught.value.problems


def only_problem(config: Path | None, environ: dict[str, str]) -> Problem:
    (problem,) = problems_of(config, environ)
    return problem


# What speaks for two being one -------------------------------------------------------------------------------------


def test_what_speaks_for_two_being_one_stands_below_its_route(write: Write) -> None:
    text = f'{GOOD}\n[routes.match]\ndays = 7\nkey = "number"\n{SECOND_ROUTE}'
    first, second = load(write(text), {}).routes
    assert (first.match.days, first.match.words, first.match.key) == (7, 80, "number")
    assert (second.match.days, second.match.words, second.match.key) == (3, 80, "")
    problem = only_problem(write(f"{GOOD}\n[routes.match]\nwords = 20\n"), {})
    assert ("route 1, match, words" in problem.place, problem.remedy) == (True, "Write a whole number from 50 to 100")


# Two ways to authenticate at 4HSE ---------------------------------------------------------------------------------

TOKEN = "personal-token-4"
SIGNED_IN = 'client_id = "hse-app"\nusername = "sync@site.example"\npassword = "hse-secret-2"\n'


def test_a_personal_token_of_4hse_needs_no_user_and_shows_nowhere(write: Write) -> None:
    assert SIGNED_IN in GOOD
    for others in ("", 'client_id = ""\nusername = ""\npassword = ""\n'):
        settings = load(write(GOOD.replace(SIGNED_IN, others)), {"SYNC_FOURHSE__ACCESS_TOKEN": TOKEN})
        assert settings.fourhse.access_token.get_secret_value() == TOKEN
        assert TOKEN not in repr(settings)


def test_two_ways_to_authenticate_at_4hse_are_none(write: Write) -> None:
    problem = only_problem(write(GOOD), {"SYNC_FOURHSE__ACCESS_TOKEN": TOKEN})
    assert "two ways to authenticate: access_token, and username and password" in problem.what
    assert problem.remedy == "Keep the token, or username and password"
    assert TOKEN not in str(problem)


def test_a_token_in_the_open_is_refused(write: Write) -> None:
    text = GOOD.replace(SIGNED_IN, f'api_url = "http://service.4hse.com"\naccess_token = "{TOKEN}"\n')
    assert "fourhse.api_url" in only_problem(write(text), {}).place


# What a good configuration gives ---------------------------------------------------------------------------------


def test_a_minimal_file_is_filled_up_with_the_documented_defaults(write: Write) -> None:
    file = write(GOOD)
    settings = load(file, {})

    assert settings.procore.company_id == 26972
    assert settings.procore.api_url == "https://api.procore.com"
    assert settings.fourhse.client_secret.get_secret_value() == ""
    assert settings.schedule.every == timedelta(seconds=90)
    assert (settings.schedule.full_sweep_every, settings.schedule.settle_for) == (
        timedelta(days=1),
        timedelta(minutes=30),
    )
    assert (settings.guards.max_deletes, settings.guards.max_delete_percent) == (5, 10)
    assert (settings.guards.max_change_percent, settings.guards.max_creates) == (50, 200)
    (route,) = settings.routes
    assert route.since == date(2026, 1, 1)
    assert route.fourhse_office == UUID("5b7f5a5e-1d39-4a7c-8f43-7b1d6f3a9e02")
    assert (route.direction, route.deletions, route.private) == (DirectionSetting.BOTH, Deletions.ASK, Private.SKIP)
    assert route.enabled is True


def test_settings_cannot_be_changed(write: Write) -> None:
    settings = load(write(GOOD), {})
    with pytest.raises(ValueError, match="frozen"):
        settings.guards.max_deletes = 1000  # type: ignore[misc]


def test_no_secret_shows_when_settings_are_printed(write: Write) -> None:
    url = "postgresql+psycopg://sync:store-secret-3@db.example/sync"
    shown = repr(load(write(GOOD), {"SYNC_STORE__URL": url}))
    assert not [secret for secret in (*SECRETS, "store-secret-3", "sync@site.example") if secret in shown]


def test_relative_paths_count_from_the_folder_of_the_file(write: Write, tmp_path: Path) -> None:
    settings = load(write(GOOD), {})
    assert settings.store.url.get_secret_value() == f"sqlite:///{tmp_path}/site/data/sync.db"
    assert settings.routes[0].mapping == tmp_path / "site" / "mappings" / "default"


def test_relative_paths_from_the_environment_count_from_the_folder_of_the_file_too(
    write: Write, tmp_path: Path
) -> None:
    settings = load(write(GOOD), {"SYNC_STORE__URL": "sqlite:///other.db"})
    assert settings.store.url.get_secret_value() == f"sqlite:///{tmp_path}/site/other.db"


def test_absolute_paths_stay(write: Write, tmp_path: Path) -> None:
    text = GOOD.replace("sqlite:///data", f"sqlite:///{tmp_path}/var").replace(
        '"mappings/default"', f'"{tmp_path}/words"'
    )
    settings = load(write(text), {})
    assert settings.store.url.get_secret_value() == f"sqlite:///{tmp_path}/var/sync.db"
    assert settings.routes[0].mapping == tmp_path / "words"


def test_without_a_file_everything_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    environ = {
        "PATH": "/bin",
        "SYNC_LOG_LEVEL": "debug",
        "SYNC_PROCORE__COMPANY_ID": "26972",
        "SYNC_PROCORE__CLIENT_ID": "12345",
        "SYNC_PROCORE__CLIENT_SECRET": "s1",
        "SYNC_FOURHSE__CLIENT_ID": "b",
        "SYNC_FOURHSE__USERNAME": "c",
        "SYNC_FOURHSE__PASSWORD": "s2",
        "SYNC_STORE__URL": "sqlite:///sync.db",
        "SYNC_GUARDS__MAX_CREATES": "0",
        "SYNC_ROUTES": json.dumps([ROUTE | {"enabled": False}]),
    }
    settings = load(None, environ)
    assert (settings.procore.company_id, settings.procore.client_id, settings.guards.max_creates) == (26972, "12345", 0)
    assert settings.routes[0].enabled is False
    assert settings.routes[0].mapping == tmp_path / "words"
    assert settings.store.url.get_secret_value() == f"sqlite:///{tmp_path}/sync.db"


def test_the_environment_wins_over_secret_files_and_those_over_the_file(write: Write, tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "procore__client_secret").write_text("from a file\n\n")
    (secrets / "fourhse__password").write_text("from a file")
    (secrets / "someone_elses").write_text("ignored")
    (secrets / "routes").mkdir()
    environ = {"SYNC_SECRETS_DIR": str(secrets), "SYNC_FOURHSE__PASSWORD": "from a variable"}

    settings = load(write(GOOD), environ)

    assert settings.procore.client_secret.get_secret_value() == "from a file\n"
    assert settings.fourhse.password.get_secret_value() == "from a variable"
    assert settings.fourhse.username == "sync@site.example"


def test_routes_from_the_environment_replace_those_of_the_file(write: Write) -> None:
    settings = load(write(GOOD + SECOND_ROUTE), {"SYNC_ROUTES": json.dumps([ROUTE])})
    assert [route.name for route in settings.routes] == ["quarry"]


def test_a_file_can_be_named_by_variable_and_the_option_is_stronger(write: Write, tmp_path: Path) -> None:
    file = write(GOOD)
    assert load(None, {"SYNC_CONFIG": str(file)}).routes[0].name == "riverside"
    assert load(file, {"SYNC_CONFIG": str(tmp_path / "none.toml")}).routes[0].name == "riverside"


def test_the_default_file_is_found_from_the_current_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").mkdir()
    file = tmp_path / "config" / "sync.toml"
    file.write_text(GOOD)
    file.chmod(0o600)
    assert load(None, {}).routes[0].mapping == tmp_path / "config" / "mappings" / "default"


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000", "http://localhost:8000/", "http://[::1]:8000", "https://sandbox.procore.com"]
)
def test_plain_http_is_good_enough_for_this_machine_only(write: Write, url: str) -> None:
    assert load(write(GOOD), {"SYNC_PROCORE__API_URL": url}).procore.api_url == url.rstrip("/")


@pytest.mark.parametrize(
    "url", ["postgresql+psycopg://sync:pw@db.example:5432/sync", "postgresql+psycopg:///sync?host=/run/postgresql"]
)
def test_a_postgresql_store_is_taken_as_it_is(write: Write, url: str) -> None:
    assert load(write(GOOD), {"SYNC_STORE__URL": url}).store.url.get_secret_value() == url


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("30s", timedelta(seconds=30)),
        ("5m", timedelta(minutes=5)),
        ("24h", timedelta(hours=24)),
        ("7d", timedelta(days=7)),
    ],
)
def test_durations(text: str, length: timedelta) -> None:
    assert duration(text) == length


@pytest.mark.parametrize(
    ("text", "length"),
    [("2d", timedelta(days=2)), ("90d", timedelta(days=90)), ("26w", timedelta(weeks=26)), ("2y", timedelta(days=730))],
)
def test_ages(text: str, length: timedelta) -> None:
    assert age(text) == length


def test_nothing_is_forgotten_unless_an_age_says_so(write: Write) -> None:
    ages = load(write(GOOD), {}).retention.model_dump()
    assert ages.pop("cycles") == timedelta(days=90), "of what a cycle did"
    assert set(ages.values()) == {None}
    settings = load(write(GOOD + '[retention]\nraw = "90d"\njournal = "2y"\n'), {"SYNC_RETENTION__JOURNAL": "30d"})
    assert settings.retention == model.RetentionSettings(raw="90d", journal="30d")


# What is wrong is named, with its place and its remedy -----------------------------------------------------------

ABOVE_ZERO = "Write a whole number above 0"
UUID_FORM = "Write a UUID such as"
STORE_FORM = "Write sqlite:///PATH or postgresql+psycopg://user:password@host/database"
BROKEN = {
    "unknown key": (
        'client_id = "procore-app"',
        'client_idd = "x"\n\\g<0>',
        ":3 procore.client_idd",
        "Did you mean client_id?",
    ),
    "unknown key like nothing": ("company_id = 26972", "\\g<0>\nzzz = 1", ":3 procore.zzz", "Take it out"),
    "unknown table": (r"\[guards\]", "[guard]", ":17 guard", "Did you mean guards?"),
    "unknown key of a route": (
        'name = "riverside"',
        "\\g<0>\nprocore_projekt = 1",
        ":22 route 1, procore_projekt",
        "Did you mean procore_project?",
    ),
    "missing key": (
        "company_id = 26972\n",
        "",
        ":1 procore.company_id",
        "Add company_id under [procore], or set SYNC_PROCORE__COMPANY_ID",
    ),
    "missing key of a route": ("since = .*\n", "", ":20 route 1, since", "Give the route a line: since = ..."),
    "missing routes": (r"(?s)\[\[routes.*", "", " routes", "Add [[routes]], or set SYNC_ROUTES"),
    "routes as one table": (r"\[\[routes\]\]", "[routes]", ":20 routes", "Write one or more [[routes]] tables"),
    "no route at all": (
        r"(?s)\[procore\](.*)\[\[routes.*",
        "routes = []\n[procore]\\1",
        ":1 routes",
        "Write one or more [[routes]] tables",
    ),
    "number as a word": ("company_id = 26972", 'company_id = "twelve"', ":2 procore.company_id", ABOVE_ZERO),
    "number as a flag": ("company_id = 26972", "company_id = true", ":2 procore.company_id", ABOVE_ZERO),
    "text as a number": ('client_id = "procore-app"', "client_id = 77", ":3 procore.client_id", "Write text in quotes"),
    "secret left open": ('"procore-secret-1"', '"..."', ":4 procore.client_secret", "Put the real value there"),
    "empty user": ('"sync@site.example"', '""', ":8 fourhse.username", "Put the real value there"),
    "duration without unit": ('every = "90s"', "every = 90", ":15 schedule.every", 'such as "30s"'),
    "duration of nothing": ('every = "90s"', 'every = "0m"', ":15 schedule.every", 'such as "30s"'),
    "negative count": (
        "max_deletes = 5",
        "max_deletes = -1",
        ":18 guards.max_deletes",
        "Write a whole number, 0 or more",
    ),
    "an age of a day": (
        r"\[guards\]",
        '[retention]\nraw = "1d"\n\\g<0>',
        ":18 retention.raw",
        'two days or more, as a number and its unit in quotes, such as "90d"',
    ),
    "an age in hours": (
        r"\[guards\]",
        '[retention]\njournal = "48h"\n\\g<0>',
        ":18 retention.journal",
        '"26w" or "2y"',
    ),
    "an age that is misspelt": (
        r"\[guards\]",
        '[retention]\ntombstone = "2y"\n\\g<0>',
        ":18 retention.tombstone",
        "Did you mean tombstones?",
    ),
    "percent over 100": (
        "max_deletes = 5",
        "max_change_percent = 101",
        ":18 guards.max_change_percent",
        "from 0 to 100",
    ),
    "no such day": ("since = .*", 'since = "2026-02-30"', ":26 route 1, since", "as YYYY-MM-DD"),
    "an instant for a day": ("since = .*", "since = 2026-01-01T00:00:00Z", ":26 route 1, since", "as YYYY-MM-DD"),
    "bad UUID": ("5b7f5a5e-", "5b7f5a5-", ":24 route 1, fourhse_office", UUID_FORM),
    "direction": (
        "since = .*",
        '\\g<0>\ndirection = "procore to 4hse"',
        ":27 route 1, direction",
        "Write procore-to-4hse",
    ),
    "deletions": ("since = .*", '\\g<0>\ndeletions = "propogate"', ":27 route 1, deletions", "Write propagate"),
    "private": ("since = .*", "\\g<0>\nprivate = true", ":27 route 1, private", "Write one of these words"),
    "a class": (
        "since = .*",
        '\\g<0>\n\n[routes.privacy]\nhealth = "to procore"',
        ":29 route 1, privacy, health",
        "Write 4hse-to-procore",
    ),
    "a class that is none": (
        "since = .*",
        '\\g<0>\n[routes.privacy]\nhelth = "none"',
        ":28 route 1, privacy, helth",
        "Did you mean health?",
    ),
    "when barred": (
        "since = .*",
        '\\g<0>\nprivacy = { when_barred = "leave_out" }',
        ":27 route 1, privacy, when_barred",
        "Write leave out",
    ),
    "privacy as a word": (
        "since = .*",
        '\\g<0>\nprivacy = "none"',
        ":27 route 1, privacy",
        "Write a [routes.privacy] table",
    ),
    "enabled": ("since = .*", '\\g<0>\nenabled = "perhaps"', ":27 route 1, enabled", "Write true or false"),
    "plain http": (
        r"\[procore\]",
        '\\g<0>\napi_url = "http://api.procore.com"',
        ":2 procore.api_url",
        "Write https://",
    ),
    "plain http to a look-alike": (
        r"\[procore\]",
        '\\g<0>\napi_url = "http://127.0.0.1.evil.example"',
        ":2 procore.api_url",
        "Write https://",
    ),
    "user in a url": (
        r"\[procore\]",
        '\\g<0>\napi_url = "https://me:pw@api.procore.com"',
        ":2 procore.api_url",
        "Take out user",
    ),
    "no url": (
        r"\[procore\]",
        '\\g<0>\nlogin_url = "login.procore.com"',
        ":2 procore.login_url",
        "Write a web address",
    ),
    "store in memory": ("sqlite:///data/sync.db", "sqlite://", ":12 store.url", STORE_FORM),
    "store of another kind": ("sqlite:///data/sync.db", "mysql://db/sync", ":12 store.url", STORE_FORM),
    "store without database": ("sqlite:///data/sync.db", "postgresql+psycopg://db", ":12 store.url", STORE_FORM),
    "a value for a table": (
        r'(?s)\[procore\](.*)\[store\]\nurl = "[^"]*"\n',
        "store = 5\n[procore]\\1",
        ":1 store",
        "Write a table [store]",
    ),
    "missing table": (r'(?s)\[store\]\nurl = "[^"]*"\n(.*)', "\\1", " store.url", "Add url under [store]"),
    "not TOML": ("company_id = 26972", "company_id 26972", ":2", "Look for a missing quote, bracket or ="),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file(write: Write, case: str) -> None:
    pattern, put, place, remedy = BROKEN[case]
    text, changes = re.subn(pattern, put, GOOD, count=1)
    assert changes == 1
    file = write(text)

    problem = problems_of(file, {})[0]

    assert problem.place == f"{file}{place}"
    assert remedy in problem.remedy
    assert not [secret for secret in SECRETS if secret in str(problem)]


@pytest.mark.parametrize(
    ("same", "key", "line"),
    [
        ("hillside", "name", 29),
        ("1363618", "procore_project", 30),
        ("6c7f5a5e-1d39-4a7c-8f43-7b1d6f3a9e03", "fourhse_office", 32),
    ],
)
def test_two_routes_share_no_register_and_no_name(write: Write, same: str, key: str, line: int) -> None:
    first = {"name": "riverside", "procore_project": "1363617", "fourhse_office": ROUTE["fourhse_office"].upper()}
    file = write(GOOD + SECOND_ROUTE.replace(same, first[key]))
    problem = only_problem(file, {})
    assert problem.place == f"{file}:{line} route 2, {key}"
    assert problem.what == f"route 1 has the same {key}"
    assert problem.remedy == f"Give each route its own {key}"


def test_all_problems_come_at_once(write: Write) -> None:
    text = GOOD.replace("company_id", "company").replace("90s", "soon").replace("since = ", "from = ")
    file = write(text + SECOND_ROUTE.replace("hillside", "riverside"))
    problems = problems_of(file, {"SYNC_GARDS__MAX_DELETES": "3", "SYNC_GUARDS__MAX_CREATES": "many"})
    assert {problem.place.removeprefix(str(file)) for problem in problems} == {
        "SYNC_GARDS__MAX_DELETES",
        "SYNC_GUARDS__MAX_CREATES",
        ":1 procore.company_id",
        ":2 procore.company",
        ":15 schedule.every",
        ":20 route 1, since",
        ":26 route 1, from",
        ":29 route 2, name",
    }


def test_the_privacy_of_a_route_stands_below_it(write: Write) -> None:
    text = f'{GOOD}\n[routes.privacy]\nhealth = "none"\n{SECOND_ROUTE}'
    first, second = load(write(text + 'privacy = { location = "procore-to-4hse" }\n'), {}).routes
    assert (first.privacy.health, second.privacy.health) == ("none", "both")
    assert (first.privacy.location, second.privacy.location) == ("both", "procore-to-4hse")
    assert first.privacy.when_barred == "refuse"
    file = write(f'{text}[routes.privacy]\nhealth = "non"\nwhen_barred = "never"\n')
    assert [problem.place.removeprefix(str(file)) for problem in problems_of(file, {})] == [
        ":39 route 2, privacy, health",
        ":40 route 2, privacy, when_barred",
    ]


def test_the_privacy_of_a_route_comes_from_the_environment_too(write: Write) -> None:
    routes = json.dumps([ROUTE | {"privacy": {"identity": "none", "when_barred": "leave out"}}])
    privacy = load(write(GOOD), {"SYNC_ROUTES": routes}).routes[0].privacy
    assert (privacy.identity, privacy.health, privacy.when_barred) == ("none", "both", "leave out")


@pytest.mark.parametrize("path", [":memory:", "sync.db?mode=ro", "sync.db#1", ""])
def test_a_sqlite_store_is_a_file_and_nothing_else(write: Write, path: str) -> None:
    problem = only_problem(write(GOOD), {"SYNC_STORE__URL": f"sqlite:///{path}"})
    assert (problem.place, problem.remedy) == ("SYNC_STORE__URL", STORE_FORM)


@pytest.mark.parametrize(
    ("name", "text", "place", "remedy"),
    [
        ("SYNC_STORE_URL", "x", "SYNC_STORE_URL", "Did you mean SYNC_STORE__URL?"),
        ("SYNC_procore__client_id", "x", "SYNC_procore__client_id", "Did you mean SYNC_PROCORE__CLIENT_ID?"),
        ("SYNC_EVERYTHING_ELSE", "x", "SYNC_EVERYTHING_ELSE", "Unset it"),
        ("SYNC_GUARDS__MAX_CREATES", "", "SYNC_GUARDS__MAX_CREATES", "Write a whole number, 0 or more"),
        ("SYNC_ROUTES", "[{", "SYNC_ROUTES", "in the environment a JSON list"),
        ("SYNC_ROUTES", '["riverside"]', "SYNC_ROUTES route 1", "Write a [[routes]] table"),
        ("SYNC_ROUTES", json.dumps([ROUTE | {"since": "May"}]), "SYNC_ROUTES route 1, since", "as YYYY-MM-DD"),
        ("SYNC_SECRETS_DIR", "nowhere", "SYNC_SECRETS_DIR", "Mount the secrets there"),
    ],
)
def test_a_broken_variable(write: Write, name: str, text: str, place: str, remedy: str) -> None:
    problem = only_problem(write(GOOD), {name: text})
    assert problem.place == place
    assert remedy in problem.remedy


def test_a_broken_secret_file(write: Write, tmp_path: Path) -> None:
    file = tmp_path / "procore__client_secret"
    environ = {"SYNC_SECRETS_DIR": str(tmp_path)}
    file.write_text("\n")
    assert only_problem(write(GOOD), environ) == Problem(str(file), "is not filled in", "Put the real value there")
    file.write_bytes(b"\xff\xfe")
    assert only_problem(write(GOOD), environ) == Problem(str(file), "is not UTF-8 text", "Save it as UTF-8")


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    file = tmp_path / "sync.toml"
    problem = only_problem(file, {"SYNC_GUARDS__MAX_CREATES": "3"})
    assert (problem.place, problem.what) == (str(file), "there is no such file")
    assert "procore-4hse init" in problem.remedy
    assert "cannot be read" in only_problem(tmp_path, {}).what


def test_with_nothing_configured_the_one_advice_is_to_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    problem = only_problem(None, {"SYNC_CONFIG": ""})
    assert (problem.place, problem.what) == ("config/sync.toml", "there is no such file")
    assert "procore-4hse init" in problem.remedy


def test_what_is_missing_without_a_file_is_named_as_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    problems = problems_of(None, {"SYNC_PROCORE__COMPANY_ID": "1"})
    assert Problem("SYNC_STORE__URL", "is missing", "Set it, or write a file with `procore-4hse init`") in problems
    assert "SYNC_ROUTES" in [problem.place for problem in problems]


# Every way to write TOML has its lines ---------------------------------------------------------------------------


def whole_numbers(node: object, path: model.KeyPath = ()) -> dict[model.KeyPath, int]:
    if isinstance(node, int):
        return {path: node}
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return {at: number for key, value in inner for at, number in whole_numbers(value, (*path, key)).items()}


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_each_number_stands_in_the_line_that_it_names(line_end: str) -> None:
    text = (Path(__file__).parent / "every_form.toml").read_text(encoding="utf-8").replace("\n", line_end)
    numbers = whole_numbers(tomllib.loads(text))
    lines = lines_of(text)
    assert len(numbers) == 23
    assert {path: lines.get(path) for path in numbers} == numbers
    assert (lines["text",], lines["table",], lines["list", 1, "inner"]) == (7, 27, 39)


def test_values_in_inline_tables_and_behind_dotted_keys_have_their_lines(write: Write) -> None:
    file = write(
        "procore = {company_id = 1, client_id = 'a', client_secret = 5, \"client_idd\" = 'x'}\n"
        "fourhse.client_id = 'b'\n"
        'fourhse . "username" = 7\n'
        "routes = [\n"
        "  {name = 'one', procore_project = 0},\n"
        "  {name = 'two', privacy = {helth = 'none'}},\n"
        "]\n"
        "store = {}\n"
    )
    assert {problem.place.removeprefix(str(file)) for problem in problems_of(file, {})} == {
        ":1 procore.client_secret",
        ":1 procore.client_idd",
        ":3 fourhse.username",
        ":2 fourhse.password",
        ":8 store.url",
        ":5 route 1, procore_project",
        ":6 route 2, privacy, helth",
        *(f":5 route 1, {key}" for key in ("fourhse_project", "fourhse_office", "mapping", "since")),
        *(f":6 route 2, {key}" for key in ("procore_project", "fourhse_project", "fourhse_office", "mapping", "since")),
    }


def test_a_text_of_many_lines_holds_no_tables_and_no_keys(write: Write) -> None:
    text = 'client_id = """\n[guards]\nmax_deletes = 5\n[[routes]]\n"""'
    broken = GOOD.replace('client_id = "hse-app"', text).replace("since = 2026-01-01", "since = 2026")
    file = write(broken)
    assert only_problem(file, {}).place == f"{file}:30 route 1, since"


# Every editor and platform ---------------------------------------------------------------------------------------

BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"
CP1252 = GOOD.replace("riverside", "caf\u00e9").encode("cp1252")


def test_a_byte_order_mark_and_windows_line_ends_change_nothing(write: Write, tmp_path: Path) -> None:
    good = load(write(GOOD), {})
    file = write("")
    file.write_bytes(f"{BOM}{GOOD}".replace("\n", "\r\n").encode())
    secret = tmp_path / "fourhse__password"
    secret.write_bytes(f"{BOM}hse-secret-2\r\n".encode())
    assert load(file, {"SYNC_SECRETS_DIR": str(tmp_path)}) == good
    file.write_bytes(f"{BOM}{GOOD}".replace("90s", "soon").replace("\n", "\r\n").encode())
    assert only_problem(file, {}).place == f"{file}:15 schedule.every"


@pytest.mark.parametrize(
    ("content", "line"), [(CP1252, 21), *((GOOD.encode(name), 1) for name in ("utf-16", "utf-16-le", "utf-16-be"))]
)
def test_a_file_in_another_encoding_is_one_problem(write: Write, content: bytes, line: int) -> None:
    file = write("")
    file.write_bytes(content)
    assert only_problem(file, {}) == Problem(f"{file}:{line}", "is not UTF-8 text", "Save it as UTF-8")


SERVICE_LINKS = {
    "SYNC_SERVICE_HOST": "10.0.0.1",
    "SYNC_SERVICE_PORT": "80",
    "SYNC_SERVICE_PORT_MY_DESK": "8484",
    "SYNC_PORT": "tcp://10.0.0.1:80",
    "SYNC_PORT_8484_TCP": "tcp://10.0.0.1:8484",
    "SYNC_PORT_8484_TCP_PROTO": "tcp",
    "SYNC_PORT_8484_TCP_PORT": "8484",
    "SYNC_PORT_8484_TCP_ADDR": "10.0.0.1",
    "SYNC_PORT_53_UDP_ADDR": "10.0.0.1",
    "SYNC_DESK_SERVICE_HOST": "10.0.0.2",
    "SYNC_DESK_PORT": "tcp://10.0.0.2:80",
}


@pytest.mark.parametrize("name", SERVICE_LINKS)
def test_what_kubernetes_tells_of_a_service_is_no_setting(write: Write, name: str) -> None:
    assert load(write(GOOD), {name: SERVICE_LINKS[name]}) == load(write(GOOD), {})


@pytest.mark.parametrize(
    "name",
    ["SYNC_PROCORE__CLIENT_SECRT", "SYNC_PROCORE__SERVICE_HOST", "SYNC_SERVICE_HOSTS", "SYNC_PORT", "SYNC_PORT_8484"],
)
def test_what_is_no_service_is_still_reported(write: Write, name: str) -> None:
    assert only_problem(write(GOOD), {**SERVICE_LINKS, name: "8484"}).place == name


# A file with secrets is not for everyone -------------------------------------------------------------------------

NO_SECRETS = re.sub(r"(client_secret|password) = .*\n", "", GOOD)
SECRET_VARIABLES = {"SYNC_PROCORE__CLIENT_SECRET": "a", "SYNC_FOURHSE__PASSWORD": "b"}


@pytest.mark.parametrize("line", ['client_secret = "s"', 'password = "s"'])
def test_a_world_readable_file_with_a_secret_is_refused(write: Write, line: str) -> None:
    table = "procore" if "client" in line else "fourhse"
    file = write(NO_SECRETS.replace(f"[{table}]", f"[{table}]\n{line}"))
    assert load(file, SECRET_VARIABLES)
    file.chmod(0o604)
    problem = only_problem(file, SECRET_VARIABLES)
    assert problem.place == str(file)
    assert problem.remedy == f"Run: chmod 600 {shlex.quote(str(file))}"


@pytest.mark.parametrize("url", ["postgresql+psycopg://a:b@db/sync", "postgresql+psycopg://db/sync?password=b"])
def test_a_password_in_the_store_url_is_a_secret_too(write: Write, url: str) -> None:
    file = write(NO_SECRETS.replace("sqlite:///data/sync.db", url))
    file.chmod(0o644)
    assert "chmod 600" in only_problem(file, SECRET_VARIABLES).remedy


def test_a_world_readable_file_without_secrets_is_fine(write: Write) -> None:
    file = write(NO_SECRETS)
    file.chmod(0o644)
    assert load(file, SECRET_VARIABLES).routes


# The template ----------------------------------------------------------------------------------------------------

TEMPLATE = Path(procore_4hse.__file__).parent / "templates" / "sync.toml"
FILLED = {
    "company_id = 0": "company_id = 1",
    'client_id = ""': 'client_id = "a"',
    'client_secret = ""\n\n[fourhse]': 'client_secret = "b"\n\n[fourhse]',
    'username = ""': 'username = "c"',
    'password = ""': 'password = "d"',
    'name = ""': 'name = "site"',
    "procore_project = 0": "procore_project = 2",
    'fourhse_project = ""': f'fourhse_project = "{ROUTE["fourhse_project"]}"',
    'fourhse_office = ""': f'fourhse_office = "{ROUTE["fourhse_office"]}"',
    'since = ""': 'since = "2026-01-01"',
}


def test_the_template_complains_of_what_is_to_be_filled_in_and_of_nothing_else(write: Write) -> None:
    text = TEMPLATE.read_text()
    file = write(text)
    file.chmod(0o644)
    assert len(problems_of(file, {})) == len(FILLED) + 1  # client_id stands in it twice
    for empty, full in FILLED.items():
        text = text.replace(empty, full)
    settings = load(write(text), {})
    assert settings.schedule == model.ScheduleSettings()
    assert settings.guards == model.GuardSettings()
    assert settings.retention == model.RetentionSettings()
    assert settings.desk == model.DeskSettings()
    assert settings.links == model.LinkSettings()


def test_the_template_names_every_setting_with_its_default(write: Write) -> None:
    text = TEMPLATE.read_text()
    sections = (
        model.ProcoreSettings, model.FourHseSettings, model.RouteSettings, model.PrivacySettings, model.LinkSettings,
    )  # fmt: skip
    for section in sections:
        for key, info in section.model_fields.items():
            assert re.search(rf"^({key} = |\[routes\.{key}\])", text, re.MULTILINE), key
            if isinstance(info.default, str):
                assert f'{key} = "{info.default}"' in text
    for section in (
        model.GuardSettings, model.ScheduleSettings, model.DeskSettings, model.AlertSettings, model.MetricSettings,
    ):  # fmt: skip
        for key in section.model_fields:
            assert re.search(rf"^(# )?{key} = ", text, re.MULTILINE), key
    for key in model.RetentionSettings.model_fields:
        assert re.search(rf'^# {key} = "\d+[dwy]"', text, re.MULTILINE), key


# The desk --------------------------------------------------------------------------------------------------------

OIDC = """
[desk]
base_url = "https://desk.example.com/"
auth = "oidc"
issuer = "https://id.example.com/realms/site"
client_id = "desk"
deciders = ["hse-team on site sees health"]
"""


def test_the_desk_is_bound_to_this_machine_and_opened_by_a_link_unless_told_otherwise(write: Write) -> None:
    desk = load(write(GOOD), {}).desk
    assert (desk.host, desk.port, desk.auth, desk.viewers, desk.deciders) == ("127.0.0.1", 8484, "link", (), ())


def test_the_desk_takes_lists_from_the_file_and_as_json_from_the_environment(write: Write) -> None:
    file = write(GOOD + OIDC)
    assert load(file, {}).desk.deciders == ("hse-team on site sees health",)
    assert load(file, {}).desk.base_url == "https://desk.example.com"
    assert load(file, {"SYNC_DESK__DECIDERS": '["a", "b"]'}).desk.deciders == ("a", "b")
    assert load(file, {"SYNC_DESK__TRUSTED_PEERS": '["10.0.0.5"]'}).desk.trusted_peers == ("10.0.0.5/32",)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('host = "0.0.0.0"', "would open the desk to a network at 0.0.0.0"),
        ('auth = "oidc"', "lacks issuer, client_id, base_url for auth = oidc"),
        ('auth = "proxy"\ntrusted_peers = ["10.0.0.5"]', "lacks secret for auth = proxy"),
        ('auth = "password"', "is not one of link | oidc | proxy"),
        ('base_url = "http://desk.example.com"', "would send credentials unprotected"),
        ('base_url = "https://example.com/desk"', "holds a path"),
        ('trusted_peers = ["proxy.example.com"]', "the value cannot be used"),
        ("port = 70000", "the value cannot be used"),
        ('viewers = "anna"', "the value cannot be used"),
    ],
)
def test_a_desk_that_could_not_work_or_would_be_open_is_refused(write: Write, lines: str, words: str) -> None:
    assert words in only_problem(write(f"{GOOD}\n[desk]\n{lines}\n"), {}).what


def test_the_example_in_config_is_the_template() -> None:
    example = Path(__file__).parents[2] / "config" / "sync.toml.example"
    assert example.read_text() == TEMPLATE.read_text()


def test_settings_are_built_from_arguments_alone(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(write(GOOD), {})
    monkeypatch.setenv("GUARDS", '{"max_deletes": 1}')
    monkeypatch.setenv("SYNC_GUARDS__MAX_DELETES", "1")
    again = Settings(procore=settings.procore, fourhse=settings.fourhse, store=settings.store, routes=settings.routes)
    assert again.guards.max_deletes == 20


# Links -----------------------------------------------------------------------------------------------------------


def test_a_link_opens_an_incident_in_its_own_system(write: Write) -> None:
    pattern = "https://app.procore.com/{project}/project/incidents/{id}?office={office}"
    settings = load(write(f'{GOOD}\n[links]\nprocore = "{pattern}"\n'), {})
    mapping, addresses = FieldMapping("test", ()), {Side.PROCORE: settings.links.procore}
    route = Route("site", "1", "t", "b", mapping, date(2026, 1, 1), addresses=addresses)
    assert route.address(Side.PROCORE, "7/1") == "https://app.procore.com/1/project/incidents/7%2F1?office=b"
    assert (route.address(Side.FOURHSE, "7"), route.address(Side.PROCORE, None)) == (None, None)


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("https://x.example/{company}/{id}", "holds {company}, which no record fills in"),
        ("https://x.example/{id!r}", "holds {id!r}, which no record fills in"),
        ("https://x.example/{id", "holds {, which no record fills in"),
        ("javascript:alert({id})", "is no web address"),
        ("https:///{id}", "is no web address"),
        ("https://me:secret@x.example/{id}", "is no web address"),
        ("x.example/{id}", "is no web address"),
    ],
)
def test_a_link_that_leads_nowhere_is_refused_with_its_line(write: Write, pattern: str, words: str) -> None:
    problem = only_problem(write(f'{GOOD}\n[links]\nfourhse = "{pattern}"\n'), {})
    line = f"{GOOD}\n[links]\n".count("\n") + 1
    assert (words in problem.what, f":{line} links.fourhse" in problem.place) == (True, True), problem


# Being watched ---------------------------------------------------------------------------------------------------


def test_nobody_is_told_and_nothing_is_served_unless_it_is_set(write: Write) -> None:
    settings = load(write(GOOD), {})
    assert (settings.alerts.urls, settings.alerts.ping_url.get_secret_value()) == ((), "")
    assert (settings.alerts.question_age, settings.metrics.listen) == (timedelta(hours=24), "")


def test_addresses_come_from_a_list_a_variable_or_a_file_and_are_shown_by_nothing(write: Write, tmp_path: Path) -> None:
    text = (
        GOOD
        + 'alerts = ["mailto://own"]\n\n[alerts]\nurls = ["mailto://key@host"]\nping_url = "https://hc.example/a/"\n'
    )
    file = write(text)
    settings = load(file, {})
    assert [each.get_secret_value() for each in settings.alerts.urls] == ["mailto://key@host"]
    assert settings.alerts.ping_url.get_secret_value() == "https://hc.example/a"
    assert [each.get_secret_value() for each in settings.routes[0].alerts] == ["mailto://own"]
    assert "key@host" not in repr(settings)
    assert "hc.example" not in repr(settings)
    (tmp_path / "alerts__urls").write_text('["mailto://file"]\n')
    for environ in ({"SYNC_ALERTS__URLS": '["mailto://file"]'}, {"SYNC_SECRETS_DIR": str(tmp_path)}):
        assert [each.get_secret_value() for each in load(file, environ).alerts.urls] == ["mailto://file"]


@pytest.mark.parametrize(
    ("lines", "place"),
    [
        ('[alerts]\nurls = [""]', "alerts.urls"),
        ('[alerts]\nping_url = "http://hc.example/a"', "alerts.ping_url"),
        ('[alerts]\nping_url = "https://hc.example/a?b=c"', "alerts.ping_url"),
        ('[alerts]\nquestion_age = "soon"', "alerts.question_age"),
        ('[metrics]\nlisten = "9464"', "metrics.listen"),
        ('[metrics]\nlisten = "127.0.0.1:many"', "metrics.listen"),
        ('[metrics]\nlisten = "http://127.0.0.1:9464"', "metrics.listen"),
    ],
)
def test_what_nobody_could_be_told_by_is_refused_at_its_place(write: Write, lines: str, place: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load(write(f"{GOOD}\n{lines}\n"), {})
    (problem,) = raised.value.problems
    assert place in problem.place
