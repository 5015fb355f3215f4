"""init, mapping, db and simulate: the commands around the cycles."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path

import pytest
from cli_stand import Stand
from typer.testing import CliRunner

from procore_4hse.cli import app
from procore_4hse.cli.init import DEFAULT_MAPPING, TEMPLATES

ROOT = Path(__file__).parents[2]


def run(*words: str, **environ: str) -> tuple[int, str]:
    done = CliRunner(env={"COLUMNS": "200", **environ}).invoke(app, list(words))
    return done.exit_code, " ".join(done.output.split())


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to stand in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


# init ------------------------------------------------------------------------------------------------------------


def test_init_writes_a_configuration_and_a_mapping(here: Path) -> None:
    code, said = run("init")
    assert (code, "then run: procore-4hse check" in said) == (0, True)
    written = here / "config" / "sync.toml"
    assert written.read_text() == (TEMPLATES / "sync.toml").read_text()
    assert written.stat().st_mode & 0o777 == 0o600
    assert (here / "config/mappings/default/incident.yaml").is_file()
    assert (here / "config/mappings/default/words/category.yaml").is_file()
    code, said = run("check")
    assert code == 2
    assert "procore.client_id: is not filled in" in said


def test_init_writes_where_config_says(here: Path) -> None:
    assert run("--config", "site/mine.toml", "init")[0] == 0
    assert (here / "site/mine.toml").is_file()
    assert (here / "site/mappings/default/incident.yaml").is_file()


@pytest.mark.parametrize("there", ["config/sync.toml", "config/mappings/default/words/category.yaml"])
def test_init_never_overwrites(here: Path, there: str) -> None:
    (here / there).parent.mkdir(parents=True)
    (here / there).write_text("mine")
    code, said = run("init")
    assert code == 2
    assert f"this is there already: {there}" in said
    assert [path.read_text() for path in here.rglob("*") if path.is_file()] == ["mine"]


def test_the_shipped_mapping_is_the_one_in_the_repository() -> None:
    mine = {path.relative_to(DEFAULT_MAPPING): path.read_bytes() for path in DEFAULT_MAPPING.rglob("*.yaml")}
    repository = ROOT / "mappings" / "default"
    assert mine == {path.relative_to(repository): path.read_bytes() for path in repository.rglob("*.yaml")}
    assert mine


# mapping and db --------------------------------------------------------------------------------------------------


def test_mapping_check_needs_no_configuration(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("mapping", "check")[0] == 2
    monkeypatch.chdir(ROOT)
    code, said = run("mapping", "check")
    assert code == 0
    assert re.search(r"mappings/default: \d+ fields, no problem\.", said)


def test_mapping_check_names_every_problem(stand: Stand) -> None:
    folder = stand.folder / "mine"
    (folder / "words").mkdir(parents=True)
    for path in DEFAULT_MAPPING.rglob("*.yaml"):
        (folder / path.relative_to(DEFAULT_MAPPING)).write_bytes(path.read_bytes())
    stand.configure(mapping='"mine"')
    assert stand.json("mapping", "check")["outcome"] == "ok"
    text = (folder / "incident.yaml").read_text()
    (folder / "incident.yaml").write_text(text.replace("using: title", "using: headline").replace("4hse wins", "x"))
    (folder / "words/category.yaml").write_text("- 4hse: ACCIDENTS\n  procore: wound\n")
    report = stand.json("mapping", "check", exit_code=2)
    assert list(report) == ["outcome", "exit", "problems", "remarks", "mappings"]
    assert {Path(problem["place"].partition(":")[0]).name for problem in report["problems"]} == {
        "incident.yaml",
        "category.yaml",
    }
    assert all(problem["what"] and problem["remedy"] for problem in report["problems"])
    said = stand.said("sync", exit_code=2)
    assert "The mapping has" in said
    assert "`headline`" in said
    assert "`wound`" in said
    assert stand.calls == 0


def test_mapping_show_prints_the_rows(stand: Stand) -> None:
    said = stand.said("mapping", "show")
    for word in ("description_event", "ask a person", "the time of day does not cross"):
        assert word in said


def test_db_upgrade_makes_the_store_and_can_be_repeated(stand: Stand) -> None:
    for _ in range(2):
        assert "The store is up to date." in stand.said("db", "upgrade")
    assert (stand.folder / "sync.db").exists()


# simulate --------------------------------------------------------------------------------------------------------


@contextmanager
def simulated(folder: Path, *options: str) -> Iterator[str]:
    """What `simulate` printed when it was ready; it ends with the block, and well."""
    command = [sys.executable, "-m", "procore_4hse", "simulate", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder) as servers:
        try:
            assert servers.stdout is not None
            yield "".join([*takewhile(lambda line: not line.startswith("Ctrl-C"), servers.stdout)])
        finally:
            servers.send_signal(signal.SIGINT)
        assert servers.wait(timeout=20) == 0


def test_simulate_prints_a_configuration_that_works(tmp_path: Path) -> None:
    with simulated(tmp_path, "--incidents", "6") as said:
        names = dict(re.findall(r"^export (\w+)=(.*)$", said, flags=re.MULTILINE))
        environ = {name: value.strip("'") for name, value in names.items()}
        environ["SYNC_STORE__URL"] = f"sqlite:///{tmp_path}/simulated.db"
        done = CliRunner(env=environ).invoke(app, ["sync", "--first", "--json"])
    report = json.loads(done.stdout)
    assert report["exit"] == 0
    assert report["routes"][0]["population"]["procore"]["in_sync"] == 14
    assert not os.path.exists(tmp_path / "config")


def test_simulate_writes_a_configuration_and_people_edit_both_systems(here: Path) -> None:
    with simulated(here, "--init", "--incidents", "0") as said:
        assert "wrote config/sync.toml" in said
        assert (here / "config/sync.toml").stat().st_mode & 0o777 == 0o600
        assert run("sync", "--first")[0] == 0
        (story,) = [json.loads(run("explain", "8589934822", "--json")[1])]
        person = story["people"][0]
        assert run("simulate", "edit", person["fourhse_id"], "days=13")[0] == 0
        assert run("simulate", "edit", story["procore_id"], r"description=One\nTwo", "title=Fall")[0] == 0
        assert run("sync")[0] == 0
        story = json.loads(run("explain", "8589934822", "--json")[1])
        assert story["records"]["fourhse"]["fields"]["description_event"] == "One\nTwo"
        assert story["records"]["fourhse"]["fields"]["name"] == "Fall"
        days = next(one for one in story["people"][0]["fields"] if one["label"] == "Days of absence")
        assert days["procore"] == "13"


OFFICE_INCIDENT = "661538f8-cf3a-517e-9ca6-c6a7104ec0f1"
REFUSED = {
    ("edit", "1", "title=x"): "There is no record 1; nothing was changed.",
    ("edit", "no-such-id", "name=x"): "There is no record no-such-id",
    ("edit", "8589934823", "work_activity=Cooking"): "`work_activity` is one of: Concrete, Demolition",
    ("edit", "8589934823", "cause=x"): "cause: is not a member of this record",
    (
        "edit",
        "8589934822",
        "custom_field_598134325870420=Rain",
    ): "Nobody defined a custom field",
    (
        "edit",
        "8589934822",
        "custom_field_598134325870421=Baker",
    ): "is one of: Framer, Mason, Roofer; nothing",
    ("edit", "8589934823", "title"): "`title` has no `=`",
    ("edit", "8589934818", "shoe_size=9"): "a person has no field shoe_size; nothing was changed.",
    ("create", "procore", "Fall", "--injured", "Nemo"): "Nobody is called Nemo here; there are: Ann Lee, Ben Ruiz",
    ("create", "4hse", "Fall", "--injured", "Nemo"): "Nobody is called Nemo here; there are: Ann Lee, Ben Ruiz",
    ("create", "procore", "Fall", "--as", "Nemo"): "Nobody is called Nemo here; there are: Ann Lee, Ben Ruiz",
    ("create", "4hse", "Fall", "--as", "Nemo"): "Nobody is called Nemo here; there are: Ann Lee, Ben Ruiz",
    ("create", "procore", "Fall", "cause=x"): "cause: is not a member of this record; nothing was changed.",
    ("restore", "8589934822"): "Item not found; nothing was changed.",
    ("restore", OFFICE_INCIDENT): "There is no recycle bin here",
    ("delete", "no-such-id"): "There is no record no-such-id",
    ("hide", "8589934822"): "Only in 4HSE a single incident can be taken out of our account's sight",
    ("hide", "no-such-id"): "There is no record no-such-id",
}


def test_what_cannot_be_done_by_hand_is_told(here: Path) -> None:
    with simulated(here, "--init", "--incidents", "0"):
        answers = {words: run("simulate", *words) for words in REFUSED}
    for words, (code, said) in answers.items():
        assert (code, REFUSED[words] in said) == (2, True), said


def test_an_incident_reported_by_hand_tells_who_was_hurt_and_who_reported_it(here: Path) -> None:
    with simulated(here, "--init", "--incidents", "0"):
        site = run("simulate", "create", "procore", "Fall", "--injured", "Ann Lee", "--as", "Ben Ruiz")[1].split()[2]
        office = run("simulate", "create", "4hse", "Slip", "--injured", "Cara Novak", "--as", "Ann Lee")[1].split()[2]
        assert run("sync", "--first")[0] == 0
        stories = [json.loads(run("explain", known, "--json")[1]) for known in (site, office)]
    ours, theirs = (
        story["records"][side]["fields"] for story, side in zip(stories, ("procore", "fourhse"), strict=True)
    )
    assert (ours["title"], ours["created_by"]["name"]) == ("Fall", "Ben Ruiz")
    assert (theirs["name"], theirs["creator"], theirs["category"]) == ("Slip", "Ann Lee", "ACCIDENTS")
    assert [[one["link"]["state"] for one in story["people"]] for story in stories] == [["live"], ["live"]]


def test_as_many_writes_are_refused_as_were_asked_for(here: Path) -> None:
    with simulated(here, "--init", "--incidents", "0"):
        assert "4HSE refuses the next 2 writes." in run("simulate", "refuse", "4hse", "--times", "2")[1]
        assert "Procore refuses the next write." in run("simulate", "refuse", "procore")[1]
        assert "Procore refuses no write any more." in run("simulate", "refuse", "procore", "--times", "0")[1]
        code, said = run("-q", "sync", "--first", "--json")
        (route,) = json.loads(said)["routes"]
    assert (code, route["inbox"]["refused"]) == (1, 2)
    assert route["written"]["procore"]["created"] == 2


def test_an_edit_by_hand_reaches_no_real_system_and_says_when_nothing_runs(here: Path, stand: Stand) -> None:
    text = stand.file.read_text()
    stand.write(text.replace(f'api_url = "{stand.urls[0]}"', 'api_url = "https://api.procore.com"'))
    assert "https://api.procore.com is no simulated system" in stand.said("simulate", "edit", "1", "a=b", exit_code=2)
    stand.write(text.replace(f'api_url = "{stand.urls[0]}"', 'api_url = "http://127.0.0.1:9"'))
    assert "No simulated system answers at http://127.0.0.1:9" in stand.said(
        "simulate", "edit", "1", "a=b", exit_code=2
    )


def test_simulate_overwrites_nothing(here: Path) -> None:
    (here / "config").mkdir()
    (here / "config/sync.toml").write_text("mine")
    code, said = run("simulate", "--init")
    assert (code, "this is there already: config/sync.toml" in said) == (2, True)
    assert (here / "config/sync.toml").read_text() == "mine"


def test_simulate_says_when_a_port_is_taken(stand: Stand) -> None:
    port = stand.urls[0].rpartition(":")[2]
    command = [sys.executable, "-m", "procore_4hse", "simulate", "--port-procore", port]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"Port {port} cannot be used" in done.stderr
