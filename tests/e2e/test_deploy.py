"""The files in deploy/, laid out as their platforms would, and run: what is mounted where, for whom, and for how long.

No container engine is needed: folders of this machine stand for the mounts, and a real PostgreSQL is the store.
"""

from __future__ import annotations

import configparser
import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog
import yaml
from cli_stand import Stand
from typer.testing import CliRunner, Result

from procore_4hse.cli import app
from procore_4hse.daemon import STUCK_AFTER
from procore_4hse.runtime import GRACE
from procore_4hse.settings.sources import keys, variable

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
IMAGE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
GUIDE = (DEPLOY / "kubernetes" / "README.md").read_text(encoding="utf-8")
(USER,) = re.findall(r"^USER (\d+):", IMAGE, re.MULTILINE)
(CONFIGURED,) = re.findall(r"SYNC_CONFIG=(\S+)", IMAGE)
SECRETS = {"procore__client_secret": "procore-secret", "fourhse__password": "4hse-password"}
MANIFESTS = ("cronjob", "deployment")


@dataclass(frozen=True)
class Container:
    """One of ours, with the root that its mounts are laid out in."""

    root: Path
    environ: Mapping[str, str]

    def run(self, *words: str) -> Result:
        within = {
            name: str(self.root) + value if value.startswith("/") else value for name, value in self.environ.items()
        }
        done = CliRunner(env={"SYNC_CONFIG": str(self.root) + CONFIGURED, **within}).invoke(app, list(words))
        structlog.reset_defaults()
        return done


def manifest(name: str) -> dict[str, Any]:
    described: dict[str, Any] = yaml.safe_load((DEPLOY / "kubernetes" / f"{name}.yaml").read_text(encoding="utf-8"))
    return described


def pod(name: str) -> dict[str, Any]:
    spec: dict[str, Any] = manifest(name)["spec"]
    while "template" in spec or "jobTemplate" in spec:
        spec = (spec.get("jobTemplate") or spec["template"])["spec"]
    return spec


def compose() -> dict[str, Any]:
    services: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"]
    return services


def configured(stand: Stand, folder: Path) -> None:
    """What `init` writes, filled in, without the secrets and without a store."""
    done = CliRunner().invoke(app, ["--config", str(folder / "sync.toml"), "init"])
    assert done.exit_code == 0, done.output
    text = stand.head() + stand.route("riverside", mapping='"mappings/default"')
    text = re.sub(r"^(client_secret|password) = .*\n|\[store\]\n.*\n", "", text, flags=re.MULTILINE)
    (folder / "sync.toml").write_text(text, encoding="utf-8")


def write(folder: Path, files: Mapping[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


def made_by_the_guide(kind: str, folder: Path) -> dict[str, Path]:
    """The keys that a command of the guide takes from files of this folder, as kubectl names them."""
    (command,) = re.findall(rf"kubectl create {kind} procore-4hse-sync (.*)", GUIDE)
    keys: dict[str, Path] = {}
    for word in shlex.split(command):
        source = folder / word.removeprefix("--from-file=")
        files = [source] if source.is_file() else [each for each in source.iterdir() if each.is_file()]
        assert not keys.keys() & {each.name for each in files}, "two files would have one key"
        keys |= {each.name: each for each in files}
    return keys


def laid_out(spec: Mapping[str, Any], home: Path, root: Path) -> None:
    """Puts each key where the manifest mounts it, from the files that the guide's commands read."""
    config, secrets = spec["volumes"]
    (source,) = config["projected"]["sources"]
    keys = made_by_the_guide("configmap", home)
    items = {item["key"]: item["path"] for item in source["configMap"]["items"]}
    assert items.keys() == keys.keys(), "a file of the folder would stay behind"
    mounts = {mount["name"]: root / mount["mountPath"].lstrip("/") for mount in spec["containers"][0]["volumeMounts"]}
    for key, path in items.items():
        place = mounts[config["name"]] / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(keys[key].read_bytes())
    secret = made_by_the_guide("secret generic", home)
    write(mounts[secrets["name"]], {key: file.read_text(encoding="utf-8") for key, file in secret.items()})


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_pod_finds_what_the_guide_tells_to_make(name: str, stand: Stand, tmp_path: Path, postgres_url: str) -> None:
    home = tmp_path / "home"
    configured(stand, home / "config")
    write(home, {**SECRETS, "store__url": postgres_url})
    spec = pod(name)
    laid_out(spec, home, tmp_path / "root")
    (container,) = spec["containers"]
    ours = Container(tmp_path / "root", {each["name"]: each["value"] for each in container["env"]})
    stand.on_site("Fall from a ladder")
    done = ours.run(*pod("cronjob")["containers"][0]["args"])
    assert (done.exit_code, json.loads(done.stdout)["routes"][0]["outcome"]) == (0, "ok"), done.output
    assert ours.run("status").exit_code == 0


def test_compose_mounts_what_its_head_tells_to_make(stand: Stand, tmp_path: Path, postgres_url: str) -> None:
    sync = compose()["sync"]
    here = {"./config": tmp_path / "deploy" / "config", "./secrets": tmp_path / "deploy" / "secrets"}
    configured(stand, here["./config"])
    write(here["./secrets"], {**SECRETS, "store__url": postgres_url, "postgres_password": "a-password"})
    for mount in sync["volumes"]:
        source, target, mode = mount.split(":")
        place = tmp_path / "root" / target.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(here[source])
        assert mode == "ro"
    ours = Container(tmp_path / "root", sync["environment"])
    assert ours.run("sync").exit_code == 0
    assert ours.run("status").exit_code == 0


def test_the_daemon_of_compose_waits_for_its_store() -> None:
    services = compose()
    assert services["sync"]["depends_on"] == {"store": {"condition": "service_healthy"}}
    probe = services["store"]["healthcheck"]["test"]
    settings = services["store"]["environment"]
    assert {f"--username={settings['POSTGRES_USER']}", f"--dbname={settings['POSTGRES_DB']}"} <= set(probe)
    head = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    assert f"postgresql+psycopg://{settings['POSTGRES_USER']}:THE_PASSWORD@store/{settings['POSTGRES_DB']}" in head
    assert head.count(USER) == 2, "the head tells for which user the secrets are"


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_pod_runs_as_the_user_of_the_image_and_can_read_its_secrets(name: str) -> None:
    spec = pod(name)
    assert spec["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": int(USER),
        "runAsGroup": int(USER),
        "fsGroup": int(USER),
    }
    assert spec["volumes"][1]["secret"]["defaultMode"] == 0o440
    assert spec["enableServiceLinks"] is False
    assert USER[:2] + "001" in GUIDE


def test_whoever_watches_the_daemon_asks_where_it_answers() -> None:
    (container,) = pod("deployment")["containers"]
    (port,) = container["ports"]
    (listen,) = [each["value"] for each in container["env"] if each["name"] == "SYNC_METRICS__LISTEN"]
    assert listen == f"0.0.0.0:{port['containerPort']}"
    asked = [container[probe]["httpGet"] for probe in ("livenessProbe", "readinessProbe")]
    assert asked == [{"path": "/healthz", "port": port["name"]}, {"path": "/readyz", "port": port["name"]}]


def service() -> Mapping[str, str]:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(DEPLOY / "systemd" / "procore-4hse.service", encoding="utf-8")
    return unit["Service"]


def test_whoever_stops_the_daemon_gives_it_the_time_that_it_takes() -> None:
    waits = [pod(name)["terminationGracePeriodSeconds"] for name in MANIFESTS]
    waits += [int(compose()["sync"]["stop_grace_period"].removesuffix("s")), int(service()["TimeoutStopSec"])]
    assert min(waits) >= 2 * GRACE.total_seconds()


def commands() -> Iterator[list[str]]:
    """The words of each command line of ours in these files, without the program's name."""
    for name in MANIFESTS:
        (container,) = pod(name)["containers"]
        yield container["args"]
    yield compose()["sync"]["command"]
    yield shlex.split(service()["ExecStart"])[1:]
    yield from (shlex.split(line)[1:] for line in re.findall(r"^\s*(procore-4hse .*)$", GUIDE, re.MULTILINE))


@pytest.mark.parametrize("words", [*commands()], ids=" ".join)
def test_each_command_is_one(words: list[str]) -> None:
    done = CliRunner().invoke(app, [*words, "--help"])
    assert done.exit_code == 0, done.output


def test_systemd_waits_until_the_daemon_is_ready_and_longer_for_a_sign_of_life_than_the_daemon_may_need() -> None:
    assert service()["Type"] == "notify"
    assert int(service()["WatchdogSec"]) >= STUCK_AFTER.total_seconds()


def test_the_service_keeps_its_store_where_systemd_makes_room_for_it() -> None:
    assert (service()["User"], service()["StateDirectory"]) == ("procore-4hse", "procore-4hse")
    text = (DEPLOY / "systemd" / "procore-4hse.service").read_text(encoding="utf-8")
    given = dict(re.findall(r"^Environment=(\w+)=(.*)$", text, re.MULTILINE))
    assert given["SYNC_STORE__URL"] == "sqlite:////var/lib/procore-4hse/sync.db"
    assert "SYNC_STORE__URL" in map(variable, keys())
    assert f"--config {given['SYNC_CONFIG']} init " in text
