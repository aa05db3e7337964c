"""The files for containers and systemd: no engine runs here, so what they say is compared with what is there."""

from __future__ import annotations

import configparser
import json
import re
from typing import Any

import msgspec
import pytest

from doorstep.cli import COMMANDS
from tests.docs.pages import ROOT
from tests.docs.test_settings import documented

UNIT = "docs/operate/doorstep.service"
FILES = ("Dockerfile", "compose.yaml", UNIT)


def text(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def compose() -> Any:
    """compose.yaml, merged as Compose merges it."""
    return msgspec.yaml.decode(text("compose.yaml"))


@pytest.mark.parametrize("path", FILES)
def test_every_variable_a_file_names_is_a_setting(path: str) -> None:
    named = set(re.findall(r"\bDOORSTEP_[A-Z_]+", text(path)))
    assert named
    assert named - documented().keys() == set()


def test_the_services_run_commands_that_exist_in_the_right_order(compose: Any) -> None:
    services = compose["services"]
    assert services.keys() == {"postgres", "migrate", "server", "worker", "proxy"}
    ours = {name: one["command"] for name, one in services.items() if one.get("image") == "doorstep"}
    assert ours == {"migrate": ["migrate"], "server": ["serve"], "worker": ["worker"]}
    assert {command[0] for command in ours.values()} <= COMMANDS.keys()
    assert services["migrate"]["depends_on"]["postgres"]["condition"] == "service_healthy"
    for name in ("server", "worker"):
        assert services[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"


def test_server_and_worker_share_database_and_secret_and_have_no_rights(compose: Any) -> None:
    server, worker = compose["services"]["server"], compose["services"]["worker"]
    assert server["environment"] == worker["environment"]
    assert {"DOORSTEP_DATABASE_URL", "DOORSTEP_SECRET", "DOORSTEP_URL"} <= server["environment"].keys()
    for one in (server, worker):
        assert one["read_only"] is True
        assert one["cap_drop"] == ["ALL"]
        assert "ports" not in one  # only the proxy is reached from outside


def test_everything_a_service_names_is_declared(compose: Any) -> None:
    for name, one in compose["services"].items():
        volumes = {volume.partition(":")[0] for volume in one.get("volumes", ())}
        assert volumes <= compose["volumes"].keys(), name
        assert {config["source"] for config in one.get("configs", ())} <= compose["configs"].keys(), name


def test_the_proxy_keeps_metrics_inside(compose: Any) -> None:
    assert "respond /metrics 404" in compose["configs"]["caddyfile"]["content"]


def test_the_image_installs_by_hash_and_runs_without_rights() -> None:
    lines = re.sub(r"\\\n\s*", "", text("Dockerfile")).splitlines()
    installs = [line for line in lines if "pip install" in line]
    assert installs
    assert all("--require-hashes" in line and "-r requirements.lock" in line for line in installs)
    last = {line.split(" ", 1)[0]: line.split(" ", 1)[1] for line in lines if re.match(r"[A-Z]+ ", line)}
    assert last["USER"] == "doorstep"
    assert json.loads(last["ENTRYPOINT"]) == ["doorstep"]
    assert json.loads(last["CMD"])[0] in COMMANDS
    kept = {line[1:] for line in text(".dockerignore").splitlines() if line.startswith("!")}
    copied = {line.split()[1] for line in lines if line.startswith("COPY ")}
    assert copied == kept
    assert all((ROOT / name).exists() for name in copied)


def test_the_unit_starts_a_command_that_exists_as_nobody_special() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment, method-assign]  # systemd's names have capitals
    unit.read_string(text(UNIT))
    service = unit["Service"]
    assert service["ExecStart"].split()[-1] in COMMANDS
    assert service["User"] == "doorstep"
    assert service["NoNewPrivileges"] == "yes"
    assert service["ProtectSystem"] == "strict"
    assert f"DOORSTEP_DATA=/var/lib/{service['StateDirectory']}" in service["Environment"]
