"""init, mapping, db and simulate: the commands around the cycles."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
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
    found = stand.json("mapping", "check", exit_code=2)
    assert list(found) == ["outcome", "exit", "problems", "mappings"]
    assert {Path(problem["place"].partition(":")[0]).name for problem in found["problems"]} == {
        "incident.yaml",
        "category.yaml",
    }
    assert all(problem["what"] and problem["remedy"] for problem in found["problems"])
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


def test_simulate_prints_a_configuration_that_works(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "procore_4hse", "simulate", "--incidents", "6"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as servers:
        assert servers.stdout is not None
        lines = []
        for line in servers.stdout:
            lines.append(line)
            if line.startswith("Ctrl-C"):
                break
        names = dict(re.findall(r"^export (\w+)=(.*)$", "".join(lines), flags=re.MULTILINE))
        environ = {name: value.strip("'") for name, value in names.items()}
        environ["SYNC_STORE__URL"] = f"sqlite:///{tmp_path}/simulated.db"
        done = CliRunner(env=environ).invoke(app, ["sync", "--first", "--json"])
        servers.send_signal(signal.SIGINT)
        assert servers.wait(timeout=20) == 0
    found = json.loads(done.stdout)
    assert found["exit"] == 0
    assert found["routes"][0]["population"]["procore"]["in_sync"] == 10
    assert not os.path.exists(tmp_path / "config")


def test_simulate_says_when_a_port_is_taken(stand: Stand) -> None:
    port = stand.urls[0].rpartition(":")[2]
    command = [sys.executable, "-m", "procore_4hse", "simulate", "--port-procore", port]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"Port {port} cannot be used" in done.stderr
