"""deploy/compose.postgres.yaml and deploy/update.sh keep what docs/postgresql.md promises."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from autodialer.cli.serving import GRACE
from autodialer.ledger_url import problem_of
from autodialer.settings import Settings
from autodialer.web.console.access import COOKIE, HOME
from autodialer.web.console.languages import COOKIE as LANGUAGE
from autodialer.web.console.rendering import SAID
from autodialer.web.health import READY_PATIENCE
from unit.test_deployment_files import DOCKERFILE, filled_in

ROOT = Path(__file__).parents[2]
FILE = ROOT / "deploy" / "compose.postgres.yaml"
GIVEN = {
    "API_TOKEN": "a-token",
    "CALLBACK_TOKEN": "another-token",
    "POSTGRES_PASSWORD": "a-password",
    "PUBLIC_HOST": "calls.example.com",
    "ACME_EMAIL": "ops@example.com",
}
REPLICAS = ("replica-a", "replica-b")
EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")
OURS_ALONE = {"HOST", "PORT", "LOG_DIR", "SQLITE_TMPDIR"}


def compose(**variables: str) -> dict[str, Any]:
    text = FILE.read_text(encoding="utf-8").replace("$$", "\0")
    loaded: dict[str, Any] = yaml.safe_load(filled_in(text, GIVEN | variables).replace("\0", "$"))
    return loaded


def service(name: str, **variables: str) -> dict[str, Any]:
    found: dict[str, Any] = compose(**variables)["services"][name]
    return found


def seconds(duration: str) -> float:
    number, unit = re.fullmatch(r"(\d+)(s|m)", duration).groups()  # type: ignore[union-attr]  # a test fails on None
    return int(number) * (60 if unit == "m" else 1)


@pytest.mark.parametrize("name", GIVEN)
def test_nothing_starts_while_something_is_missing_that_has_no_default(name: str) -> None:
    with pytest.raises(LookupError, match=name):
        compose(**{name: ""})


def test_two_replicas_are_alike_but_for_their_logs() -> None:
    one, other = (service(name) for name in REPLICAS)
    assert (one.pop("volumes"), other.pop("volumes")) == (["replica-a:/data"], ["replica-b:/data"])
    assert one == other
    assert set(compose()["volumes"]) == {"replica-a", "replica-b", "postgres", "backups", "letsencrypt"}


def test_every_variable_of_a_replica_is_a_setting_and_the_example_tells_of_the_rest() -> None:
    known = {name.upper() for name in Settings.model_fields}
    assert set(service("replica-a")["environment"]) <= known | OURS_ALONE
    asked = set(re.findall(r"\$\{(\w+)", FILE.read_text(encoding="utf-8")))
    told = set(re.findall(r"(?m)^(?:# )?([A-Z0-9_]+)=", EXAMPLE))
    assert asked <= told


def test_replicas_share_the_database_that_the_file_brings() -> None:
    url = service("replica-a")["environment"]["DATABASE_URL"]
    assert url == "postgresql://autodialer:a-password@postgres:5432/autodialer"
    assert problem_of(url) is None
    postgres = service("postgres")["environment"]
    assert (postgres["POSTGRES_USER"], postgres["POSTGRES_DB"]) == ("autodialer", "autodialer")
    own = "postgresql://u:p@db.example.com/d?sslmode=verify-full"
    assert service("replica-a", DATABASE_URL=own)["environment"]["DATABASE_URL"] == own


def test_only_traefik_is_reached_from_outside_and_the_database_from_its_own_network() -> None:
    services = compose()["services"]
    assert [name for name, found in services.items() if "ports" in found] == ["traefik"]
    assert compose()["networks"]["ledger"] == {"internal": True}
    assert {name for name, found in services.items() if "ledger" in found["networks"]} == {
        *REPLICAS,
        "postgres",
        "backup",
    }
    assert service("postgres")["networks"] == ["ledger"]


def test_traefik_and_docker_ask_whether_a_replica_is_ready() -> None:
    found = service("replica-a")
    labels, prefix = found["labels"], "traefik.http.services.autodialer.loadbalancer"
    assert labels[f"{prefix}.healthcheck.path"] == "/health/ready"
    assert labels[f"{prefix}.server.port"] == found["environment"]["PORT"]
    assert labels["traefik.http.routers.autodialer.service"] == "autodialer"
    assert labels["traefik.docker.network"] == compose()["networks"]["edge"]["name"]
    command = found["healthcheck"]["test"]
    assert command[:3] == ["CMD", "python", "-c"]
    compile(command[3], "health check", "exec")
    assert f":{found['environment']['PORT']}/health/ready" in command[3]
    assert seconds(labels[f"{prefix}.healthcheck.timeout"]) > READY_PATIENCE


def test_a_browser_stays_at_the_replica_that_keeps_its_plan_and_nobody_else_is_held_at_one() -> None:
    labels, prefix = service("replica-a")["labels"], "traefik.http.services.autodialer.loadbalancer.sticky.cookie"
    cookie = {name.removeprefix(f"{prefix}."): labels[name] for name in labels if "sticky" in name}
    path, secure, hidden = cookie["path"], cookie["secure"], cookie["httponly"]
    assert (path, secure, hidden, cookie["samesite"]) == (HOME, "true", "true", "lax")
    assert cookie["name"] not in {COOKIE, LANGUAGE, SAID}
    assert service("replica-b")["labels"] == labels


def test_a_replica_drains_for_longer_than_traefik_takes_to_notice_and_ends_in_peace() -> None:
    found = service("replica-a")
    prefix = "traefik.http.services.autodialer.loadbalancer.healthcheck"
    notice = sum(seconds(found["labels"][f"{prefix}.{name}"]) for name in ("interval", "timeout"))
    drain = float(found["environment"]["DRAIN_SECONDS"])
    assert drain > notice
    assert seconds(found["stop_grace_period"]) >= drain + GRACE + 60
    assert "STOPSIGNAL SIGTERM" in DOCKERFILE


def test_the_database_has_a_pinned_major_version_in_the_server_and_in_the_dumps() -> None:
    images = {service("postgres")["image"], service("backup")["image"]}
    assert len(images) == 1
    assert re.fullmatch(r"postgres:\d+-\w+", images.pop())
    assert service("postgres")["volumes"] == ["postgres:/var/lib/postgresql"]
    assert service("replica-a")["depends_on"] == {"postgres": {"condition": "service_healthy"}}


def test_the_dump_is_a_script_that_shell_reads_and_that_never_keeps_a_half_one() -> None:
    found = service("backup")
    script = found["command"][0]
    read = subprocess.run(["sh", "-n"], input=script, text=True, capture_output=True, check=False)  # noqa: S607 - the shell
    assert read.returncode == 0, read.stderr
    assert '--file="$file.part"' in script
    assert script.index("pg_dump") < script.index("mv ") < script.index("-delete")
    assert found["environment"]["KEEP_DAYS"] == 14


@pytest.mark.parametrize("name", ["replica-a", "postgres", "backup", "traefik"])
def test_every_container_can_do_little_and_is_bounded(name: str) -> None:
    found = service(name)
    assert found["cap_drop"] == ["ALL"]
    assert "privileged" not in found
    assert found["security_opt"] == ["no-new-privileges:true"]
    assert found["restart"] == "unless-stopped"
    assert found["mem_limit"]
    assert found["pids_limit"] > 0
    assert "healthcheck" in found
    assert set(found["logging"]["options"]) == {"max-size", "max-file"}
    assert found.get("read_only") is (None if name == "postgres" else True)


DOCKER = """#!/bin/sh
echo "$*" >> "$CALLS"
case "$*" in *"$FAILS"*) exit 1;; esac
"""


@pytest.fixture
def update(tmp_path: Path) -> Any:
    """Runs deploy/update.sh with a docker that writes down what it was asked, and fails at one call."""
    docker, calls = tmp_path / "docker", tmp_path / "calls"
    docker.write_text(DOCKER)
    docker.chmod(0o755)

    def run(fails: str = "nothing of the kind") -> tuple[int, list[str]]:
        environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "CALLS": str(calls), "FAILS": fails}
        done = subprocess.run([ROOT / "deploy" / "update.sh"], env=environment, capture_output=True, check=False)
        prefix = "compose -f deploy/compose.postgres.yaml --env-file .env "
        return done.returncode, [line.removeprefix(prefix) for line in calls.read_text().splitlines()]

    return run


def test_an_update_takes_one_replica_after_the_other_and_tightens_the_schema_last(update: Any) -> None:
    code, calls = update()
    assert code == 0
    steps = ("build", "up.*replica-a", "up.*replica-b")
    order = [next(at for at, call in enumerate(calls) if re.search(step, call)) for step in steps]
    assert order == sorted(order)
    assert all("--wait " in call and "--no-deps" in call for call in calls if call.startswith("up"))
    assert calls[-1] == "exec -T replica-a autodialer migrate --after"


def test_an_update_ends_where_a_replica_does_not_get_ready(update: Any) -> None:
    code, calls = update("replica-a")
    assert code != 0
    assert not [call for call in calls if "replica-b" in call or "migrate" in call]
