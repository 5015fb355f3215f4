"""What is shipped: the wheel, the locked dependencies, and the tools around them."""

import os
import re
import socket
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from processes import BARE
from pytest_socket import SocketConnectBlockedError

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def run(*command: str | Path, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of what git knows, so that no build folder stays behind.

    Slow, for pip builds it in a process of its own.
    """
    source, dist = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    files = run("git", "ls-files", "src", "pyproject.toml", "README.md", "LICENSE").splitlines()
    for name in files:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes((ROOT / name).read_bytes())
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet"]
    run(*pip, "--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", dist, source)
    (built,) = dist.glob("*.whl")
    return built


def test_the_wheel_holds_every_module_and_every_file_that_the_program_reads(wheel: Path) -> None:
    shipped = set(zipfile.ZipFile(wheel).namelist())
    known = run("git", "ls-files", "src/procore_4hse").splitlines()
    assert {name.removeprefix("src/") for name in known} <= shipped
    assert "procore_4hse/templates/sync.toml" in shipped
    assert "procore_4hse/py.typed" in shipped


def test_the_wheel_brings_the_command_and_no_tests(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    names = archive.namelist()
    (entry_points,) = [name for name in names if name.endswith("entry_points.txt")]
    assert "procore-4hse = procore_4hse.cli:main" in archive.read(entry_points).decode()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"procore_4hse", "procore_4hse_sync"}


def test_settings_load_from_the_installed_wheel_alone(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    program = (
        "from importlib.resources import files; import procore_4hse.settings.loader as s;"
        "print(s.__file__); print(files('procore_4hse').joinpath('templates/sync.toml').read_text()[:10])"
    )
    where, _template = run(sys.executable, "-c", program, env={**BARE, "PYTHONPATH": str(tmp_path)}).splitlines()
    assert where == str(tmp_path / "procore_4hse" / "settings" / "loader.py")


def locked(name: str) -> dict[str, list[str]]:
    """Each locked distribution with the lines that pin it."""
    entries = re.split(r"^(?=[a-z0-9][\w.-]*==)", (ROOT / name).read_text(), flags=re.MULTILINE)[1:]
    return {entry.split("==")[0]: entry.splitlines() for entry in entries}


def wanted(requirements: list[str]) -> set[str]:
    return {re.match(r"[\w.-]+", each)[0].lower() for each in requirements}  # type: ignore[index]


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_pins_by_hash_and_names_no_index(name: str) -> None:
    entries = locked(name)
    assert wanted(PROJECT["dependencies"]) <= set(entries)
    assert all("--hash=sha256:" in "".join(lines) for lines in entries.values())
    assert not re.search(r"://|--(?:extra-)?index|--find-links|--trusted", (ROOT / name).read_text())


ALONE = """
import sys
from importlib.metadata import packages_distributions
locked = {*sys.argv[1:], "procore-4hse-sync", "setuptools"}
for name, of in packages_distributions().items():
    if locked.isdisjoint(each.lower().replace("_", "-") for each in of):
        sys.modules[name] = None
import procore_4hse.cli.desk
print("starlette" in sys.modules, "jinja2" in sys.modules, "httpx" in sys.modules)
"""
"""Loads the desk where nothing can be imported but what these names bring; developers have setuptools too."""


def test_the_lock_of_the_image_has_what_the_desk_needs() -> None:
    """Also where a package is found on the machine of a developer alone; OpenID Connect is an extra."""
    assert run(sys.executable, "-c", ALONE, *locked("requirements.lock")).split() == ["True"] * 3
    without = set(locked("requirements.lock")) - {"starlette"}
    with pytest.raises(AssertionError, match="starlette"):
        run(sys.executable, "-c", ALONE, *without)


def test_the_two_locks_agree() -> None:
    main, dev = locked("requirements.lock"), locked("requirements-dev.lock")
    assert wanted(PROJECT["optional-dependencies"]["dev"]) <= set(dev)
    assert {name: lines[0] for name, lines in main.items()} == {name: dev[name][0] for name in main}


def test_the_image_finds_its_build_tool_in_the_lock() -> None:
    (script,) = re.findall(r"sed -n '([^']+)' requirements-dev\.lock", (ROOT / "Dockerfile").read_text())
    lines = run("sed", "-n", script, "requirements-dev.lock").splitlines()
    assert lines[0].startswith("setuptools==")
    assert all(line.strip().startswith("--hash=sha256:") for line in lines[1:])


def test_ci_says_nothing_but_check_test_and_browser() -> None:
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert [line for line in lines if line.startswith("make")] == ["make check", "make test", "make browser"]
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_tests_reach_nothing_beyond_this_machine() -> None:
    blocked = pytest.raises(SocketConnectBlockedError)
    with socket.socket() as door, pytest.warns(UserWarning, match="allowed"), blocked:
        door.connect(("192.0.2.1", 443))
