"""`mapping words --from-live`: lists completed from both live systems, or left as they are; no line ever changes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from cli_stand import MAPPING, PLACES, Stand

from procore_4hse.mapping.folder import READY
from procore_4hse.mapping.loader import load
from procore_4hse.simulator.faults import FaultKind
from procore_4hse.simulator.wire import Request

WORDS = ("mapping", "words", "--from-live")


@pytest.fixture
def mine(stand: Stand) -> Path:
    """A copy of the default mapping, which the route uses, and in Procore an affliction that it does not know."""
    folder = Path(shutil.copytree(MAPPING, stand.folder / "mine"))
    stand.configure(mapping='"mine"')
    stand.procore.add_word("affliction_types", "Jellyfish sting")
    return folder


def told(stand: Stand, text: str, route: str = "riverside") -> None:
    """Somebody who was hurt, as 4HSE tells it."""
    happened = stand.in_office("Cut", route=route, category="ACCIDENTS")
    office = PLACES[route][1]
    person = stand.fourhse.add_person("0d0c2d0e-6b2f-4a51-9f3f-0c8a3f2f2c11", office, "Ann", "Lee", code=f"E{text}")
    fields = {"office_incident_id": happened, "person_office_id": person, "description": text}
    stand.fourhse.hand_create("incident-person", office, **fields)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def lists(answer: Any) -> dict[str, Any]:
    (folder,) = answer["folders"]
    return {each["list"]: each for each in folder["lists"]}


def test_lists_are_completed_below_what_is_there_and_only_once(stand: Stand, mine: Path) -> None:
    told(stand, "Affliction: Frattura\nBody parts: Mano sinistra; All over\n\nHe fell.")
    told(stand, "Affliction: something private\n\nHe fell.")
    before = files(mine)
    answer = stand.json(*WORDS)
    assert (answer["outcome"], answer["exit"]) == ("ok", 0)
    found = lists(answer)
    assert [(name, len(each["added"]), each["asked"], each["problem"]) for name, each in found.items()] == [
        ("affliction", 2, 1, None),
        ("body_part", 1, 1, None),
        ("filing_type", 0, 0, None),
    ]
    assert found["affliction"]["added"][0] == {
        "fourhse": "Frattura", "procore": "fracture", "mark": "proposed", "records": 1,
    }  # fmt: skip
    after = files(mine)
    assert after.keys() == before.keys(), "no draft stays behind"
    assert after["words/affliction.yaml"] == before["words/affliction.yaml"] + (
        b"- 4hse: Frattura  # proposed\n  procore: fracture\n"
        b"- 4hse: Jellyfish sting  # new\n  procore: jellyfish_sting\n"
    )
    assert b"something private" not in b"".join(after.values())
    assert load(mine)
    again = stand.said(*WORDS)
    assert "knows every word already, nothing was added" in again
    assert "something private" not in again
    assert files(mine) == after
    assert stand.writes == 0


def test_a_file_keeps_its_ends_of_lines_its_rights_and_the_link_to_it(stand: Stand, mine: Path) -> None:
    real = stand.folder / "affliction-of-the-company.yaml"
    listed = mine / "words" / "affliction.yaml"
    real.write_bytes(listed.read_bytes().replace(b"\n", b"\r\n").rstrip())
    real.chmod(0o640)
    listed.unlink()
    listed.symlink_to(real)
    before = real.read_bytes()
    stand.run(*WORDS)
    added = b"\r\n- 4hse: Jellyfish sting  # new\r\n  procore: jellyfish_sting\r\n"
    assert (real.read_bytes(), listed.is_symlink(), real.stat().st_mode & 0o777) == (before + added, True, 0o640)


@pytest.mark.parametrize("path", ["affliction_types", "incidents/injuries$", "incident-person/index"])
def test_a_list_of_which_a_part_cannot_be_read_stays_as_it_is(stand: Stand, mine: Path, path: str) -> None:
    before = files(mine)
    stand.faults.add(FaultKind.FORBIDDEN, path=path, times=None)
    answer = stand.json(*WORDS, exit_code=3)
    assert answer["outcome"] == "partial"
    assert lists(answer)["affliction"]["problem"] is not None
    assert files(mine) == before
    assert "nothing was written" in stand.said(*WORDS, exit_code=3)


def test_a_list_that_is_cut_short_between_its_pages_is_not_taken_for_whole(stand: Stand, mine: Path) -> None:
    for number in range(1000):
        stand.procore.add_word("affliction_types", f"Sting {number}")
    before = files(mine)
    stand.faults.add(FaultKind.EMPTY, path="affliction_types", skip=1)
    said = stand.said(*WORDS, exit_code=1)
    assert "Procore sent a part of its list of affliction types only; try again later." in said
    assert files(mine)["words/affliction.yaml"] == before["words/affliction.yaml"]


def test_to_a_new_folder_goes_a_copy_of_the_routes_own(stand: Stand, mine: Path) -> None:
    before, target = files(mine), stand.folder / "other"
    stand.run(*WORDS, "--to", str(target))
    assert files(mine) == before
    assert b"Jellyfish sting" in (target / "words" / "affliction.yaml").read_bytes()
    assert {name for name, content in files(target).items() if content == before[name]} == before.keys() - {
        "words/affliction.yaml"
    }
    written = files(target)
    stand.run(*WORDS, "--to", str(target))
    assert files(target) == written


def test_a_folder_with_other_lists_in_it_is_no_target(stand: Stand, mine: Path) -> None:
    (stand.folder / "other" / "words").mkdir(parents=True)
    (stand.folder / "other" / "words" / "affliction.yaml").write_text("- 4hse: A\n  procore: b\n")
    said = stand.said(*WORDS, "--to", str(stand.folder / "other"), exit_code=2)
    assert "is there already, in a folder without a mapping" in said
    assert len(files(stand.folder / "other")) == 1


def test_the_mapping_that_comes_with_the_program_is_left_alone(stand: Stand) -> None:
    packaged = READY.parent / "default"
    before = files(packaged)
    stand.configure(mapping=f'"{packaged}"')
    said = stand.said(*WORDS, exit_code=2)
    assert "comes with the program" in said
    assert "add --to with a folder of your own" in said
    assert files(packaged) == before
    stand.run(*WORDS, "--to", str(stand.folder / "own"))
    assert load(stand.folder / "own")


def test_a_shared_folder_is_completed_for_all_routes_and_a_foreign_one_not_at_all(stand: Stand, mine: Path) -> None:
    stand.configure("riverside", "harbour", mapping='"mine"')
    told(stand, "Affliction: Frattura\n\nHe fell.", route="harbour")
    answer = stand.json(*WORDS, "--route", "riverside")
    assert answer["folders"][0]["routes"] == ["riverside", "harbour"]
    assert [line["fourhse"] for line in lists(answer)["affliction"]["added"]] == ["Frattura", "Jellyfish sting"]

    shutil.copytree(MAPPING, stand.folder / "second")
    stand.write(stand.head() + stand.route("riverside", mapping='"mine"') + stand.route("harbour", mapping='"second"'))
    assert len(stand.json(*WORDS)["folders"]) == 2
    said = stand.said(*WORDS, "--to", str(stand.folder / "other"), exit_code=2)
    assert said == "These routes have different mappings; name one of them with --route."
    assert lists(stand.json(*WORDS, "--route", "harbour"))["affliction"]["added"] == []


def test_a_ready_list_becomes_the_folders_own_when_a_line_is_added(stand: Stand, mine: Path) -> None:
    people = mine / "people.yaml"
    people.write_text(people.read_text().replace("words: affliction\n", "words: affliction_oiics\n"))
    before = files(READY)
    stand.run(*WORDS)
    added = (mine / "words" / "affliction_oiics.yaml").read_bytes()
    assert added.startswith(before["affliction_oiics.yaml"])
    assert added.endswith(b"- 4hse: Jellyfish sting  # new\n  procore: jellyfish_sting\n")
    assert files(READY) == before


@pytest.mark.parametrize("text", ["[{4hse: Other, procore: other}]\n", "- 4hse: Other\n  procore: other\n...\n"])
def test_a_list_that_takes_no_line_below_it_is_told_and_kept(stand: Stand, mine: Path, text: str) -> None:
    (mine / "words" / "affliction.yaml").write_text(text)
    before = files(mine)
    said = stand.said(*WORDS, exit_code=2)
    assert "Nothing was written, because words/affliction.yaml" in said
    assert "run the command again" in said
    assert files(mine) == before


def test_what_somebody_writes_meanwhile_is_not_written_over(stand: Stand, mine: Path) -> None:
    listed = mine / "words" / "affliction.yaml"
    before = listed.read_bytes()

    def edit(_: Request) -> None:
        listed.write_bytes(before + b"- 4hse: Sting\n  procore: jellyfish_sting\n")

    stand.faults.on_request.append(edit)
    assert "was changed by somebody else meanwhile; run the command again" in stand.said(*WORDS, exit_code=2)
    stand.faults.on_request.clear()
    assert listed.read_bytes() == before + b"- 4hse: Sting\n  procore: jellyfish_sting\n"
    assert lists(stand.json(*WORDS))["affliction"]["added"] == []


def test_without_a_source_it_says_which_there_is(stand: Stand, mine: Path) -> None:
    assert "mapping words --from-live" in stand.said("mapping", "words", exit_code=2)
    assert stand.calls == 0


def test_a_folder_that_cannot_be_written_is_told(stand: Stand, mine: Path) -> None:
    (stand.folder / "file").write_text("no folder")
    said = stand.said(*WORDS, "--to", str(stand.folder / "file" / "mine"), exit_code=2)
    assert "cannot be written (Not a directory); add --to with a folder that you may write." in said
