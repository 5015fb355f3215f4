"""Broken configurations, mappings and command lines: every problem named, no traceback, no call made."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_stand import MAPPING, Stand

Slip = tuple[str, str]
"""What stands in the sound file, and what stands there instead."""

ROUTE_END = 'since = "2015-01-01"\n'

SLIPS: dict[str, tuple[list[Slip], list[str]]] = {
    "no TOML": ([("[fourhse]", "[fourhse")], ["is not TOML from here on"]),
    "an unknown key": ([("company_id", "compani_id")], ["Did you mean company_id?", "procore.company_id: is missing"]),
    "an unknown section": ([("[store]", "[shop]")], ["no setting has this name", "store.url: is missing"]),
    "a text for a number": ([("company_id = 26972", 'company_id = "many"')], ["Write a whole number above 0"]),
    "an empty secret": ([('"procore-secret"', '""')], ["procore.client_secret: is not filled in"]),
    "a placeholder": ([('"4hse-client"', '"..."')], ["fourhse.client_id: is not filled in"]),
    "no password": ([('password = "4hse-password"\n', "")], ["fourhse.password: is missing"]),
    "plain http": ([('api_url = "http://127.0.0.1', 'api_url = "http://api.example.com')], ["unprotected", "https://"]),
    "a store of no kind": ([("sqlite:///sync.db", "mysql://host/db")], ["Write sqlite:///PATH or postgresql+psycopg"]),
    "a wrong UUID": ([("0d0c2d0e-6b2f", "0d0c2d0e-6b2")], ["route 1, fourhse_project", "Write a UUID"]),
    "a wrong day": ([("2015-01-01", "2015-13-01")], ["route 1, since", "YYYY-MM-DD"]),
    "a wrong word": ([(ROUTE_END, ROUTE_END + 'direction = "procore-to-hse"\n')], ["Write procore-to-4hse"]),
    "a wrong policy": ([(ROUTE_END, ROUTE_END + 'deletions = "delete"\n')], ["is not one of ask | propagate"]),
    "a wrong flag": ([(ROUTE_END, ROUTE_END + 'enabled = "perhaps"\n')], ["Write true or false"]),
    "a wrong duration": ([("[store]", '[schedule]\nevery = "5 minutes"\n\n[store]')], ["schedule.every", '"5m"']),
    "a wrong share": ([("[store]", "[guards]\nmax_delete_percent = 140\n\n[store]")], ["from 0 to 100"]),
    "no route": ([("[[routes]]", "[[paths]]")], ["no setting has this name", "Add [[routes]]"]),
    "a nameless route": ([('name = "riverside"\n', "")], ["Give the route a line: name = ..."]),
    "no such mapping": ([(str(MAPPING), "nowhere")], ["there is no such mapping folder"]),
    "two slips at once": (
        [("company_id = 26972\n", ""), ("2015-01-01", "soon"), ('"sync@example.com"', '""')],
        ["procore.company_id: is missing", "route 1, since", "fourhse.username: is not filled in"],
    ),
}


@pytest.mark.parametrize("name", SLIPS)
def test_a_broken_configuration_is_told_whole_before_any_call(stand: Stand, name: str) -> None:
    slips, sentences = SLIPS[name]
    text = stand.file.read_text()
    for right, wrong in slips:
        assert right in text
        text = text.replace(right, wrong, 1)
    stand.write(text)
    done = stand.run("sync", "--json")
    said = " ".join(done.stderr.split())
    assert done.exit_code == 2
    assert all(sentence in said for sentence in sentences), said
    assert json.loads(done.stdout) == {"outcome": "failed", "exit": 2, "routes": []}
    assert "Traceback" not in done.output
    assert stand.calls == 0
    assert not (stand.folder / "sync.db").exists()


MAPPING_SLIPS: dict[str, tuple[str, Slip, str]] = {
    "no field": ("incident.yaml", ("procore: title", "procore: headline"), "no incident field `headline`"),
    "never written": ("incident.yaml", ("4hse: name", "4hse: manager"), "`manager` is never written"),
    "no rule": ("incident.yaml", ("ask a person", "ask someone"), "Did you mean `ask a person`?"),
    "no word": ("words/category.yaml", ("4hse: ACCIDENTS\n", "4hse: ACCIDENT\n"), "Did you mean `ACCIDENTS`?"),
    "no list": ("incident.yaml", ("words: category", "words: kinds"), "no word list words/kinds.yaml"),
}


@pytest.mark.parametrize("name", MAPPING_SLIPS)
def test_a_broken_mapping_is_told_with_file_and_line(stand: Stand, name: str) -> None:
    file, (right, wrong), sentence = MAPPING_SLIPS[name]
    folder = stand.folder / "mine"
    for path in MAPPING.rglob("*.yaml"):
        copy = folder / path.relative_to(MAPPING)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    text = (folder / file).read_text()
    assert right in text
    (folder / file).write_text(text.replace(right, wrong, 1))
    stand.configure(mapping='"mine"')
    said = stand.said("sync", exit_code=2)
    assert sentence in said
    assert f"{Path(file).name}:" in said
    assert stand.calls == 0


def test_a_configuration_that_all_may_read_is_refused(stand: Stand) -> None:
    stand.file.chmod(0o644)
    assert f"Run: chmod 600 {stand.file}" in stand.said("sync", exit_code=2)
    assert stand.calls == 0


def test_a_missing_configuration_names_the_way_to_one(stand: Stand) -> None:
    stand.file.unlink()
    assert "Write one with `procore-4hse init`" in stand.said("status", exit_code=2)


def test_a_project_in_two_routes_is_refused(stand: Stand) -> None:
    stand.write(stand.head() + stand.route("riverside") + stand.route("riverside").replace('"riverside"', '"again"'))
    said = stand.said("plan", exit_code=2)
    assert "route 1 has the same procore_project" in said
    assert "route 1 has the same fourhse_office" in said


@pytest.mark.parametrize("words", [("synch",), ("sync", "--fast"), ("links", "add", "1"), ("inbox", "answer", "1")])
def test_a_wrong_command_line_ends_with_2(stand: Stand, words: tuple[str, ...]) -> None:
    done = stand.run(*words)
    assert done.exit_code == 2
    assert "Usage:" in done.output
    assert stand.calls == 0
