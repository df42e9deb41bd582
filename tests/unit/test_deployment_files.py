"""Dockerfile and compose.yaml keep what docs/deploy.md and docs/security.md promise."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = (ROOT / "compose.yaml").read_text(encoding="utf-8")
TOKENS = {"API_TOKEN": "a-token", "CALLBACK_TOKEN": "another-token"}


def filled_in(text: str, variables: dict[str, str]) -> str:
    """`text` with ${NAME:-default} and ${NAME:?message} replaced, innermost first, as Compose does."""
    innermost = re.compile(r"\$\{(\w+):([-?])([^${}]*)\}")

    def value(match: re.Match[str]) -> str:
        name, sign, rest = match.groups()
        if not variables.get(name) and sign == "?":
            raise LookupError(f"{name}: {rest}")
        return variables.get(name) or rest

    while innermost.search(text):
        text = innermost.sub(value, text)
    assert "${" not in text
    return text


def compose(**variables: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(filled_in(COMPOSE, TOKENS | variables))
    return loaded


def service(**variables: str) -> dict[str, Any]:
    found: dict[str, Any] = compose(**variables)["services"]["service-8x8"]
    return found


def labels(**variables: str) -> dict[str, str]:
    found: dict[str, str] = service(**variables)["labels"]
    return found


def stages() -> list[str]:
    return re.split(r"(?m)^FROM ", DOCKERFILE)[1:]


@pytest.mark.parametrize("name", TOKENS)
def test_compose_starts_nothing_without_both_tokens(name: str) -> None:
    with pytest.raises(LookupError, match=name):
        filled_in(COMPOSE, TOKENS | {name: ""})


def test_http_is_redirected_to_https() -> None:
    router = "traefik.http.routers.service-8x8-http"
    found = labels()
    assert found["traefik.enable"] == "true"
    assert found[f"{router}.entrypoints"] == "web"
    middleware = found[f"{router}.middlewares"]
    assert found[f"traefik.http.middlewares.{middleware}.redirectscheme.scheme"] == "https"


def test_https_is_served_with_a_certificate_of_lets_encrypt() -> None:
    router = "traefik.http.routers.service-8x8"
    found = labels()
    assert found[f"{router}.entrypoints"] == "websecure"
    assert found[f"{router}.tls"] == "true"
    assert found[f"{router}.tls.certresolver"] == "letsencrypt"
    assert found[f"traefik.http.services.{found[f'{router}.service']}.loadbalancer.server.port"] == "8080"


def test_the_routing_rules_name_this_host_and_no_other() -> None:
    rules = [value for key, value in labels().items() if key.endswith(".rule")]
    assert rules == ["Host(`8x8.hero-log.com`)"] * 2


def test_host_network_resolver_and_entry_points_are_variables() -> None:
    mine = {
        "PUBLIC_HOST": "calls.example.com",
        "TRAEFIK_NETWORK": "proxy",
        "TRAEFIK_CERTRESOLVER": "le",
        "TRAEFIK_HTTP_ENTRYPOINT": "http",
        "TRAEFIK_HTTPS_ENTRYPOINT": "https",
    }
    text = filled_in(COMPOSE, TOKENS | mine)
    assert not re.search(r"hero-log|donor|letsencrypt|websecure", text)
    assert service(**mine)["environment"]["EIGHTX8_CALLBACK_URL"] == "https://calls.example.com/api/callback"
    assert compose(**mine)["networks"]["traefik"] == {"external": True, "name": "proxy"}
    assert labels(**mine)["traefik.docker.network"] == "proxy"


def test_a_callback_url_of_ones_own_wins() -> None:
    own = "https://else.example.com/api/callback"
    assert service(EIGHTX8_CALLBACK_URL=own)["environment"]["EIGHTX8_CALLBACK_URL"] == own


def test_it_runs_alone_on_traefiks_network_and_publishes_no_port() -> None:
    found = service()
    assert list(compose()["services"]) == ["service-8x8"]
    assert "ports" not in found
    assert "depends_on" not in found
    assert found["networks"] == ["traefik"]
    assert compose()["networks"] == {
        "traefik": {"external": True, "name": "donor-auto-evacuator_donor-network"},
    }


def test_its_data_is_in_a_volume_of_its_own() -> None:
    found = service()
    assert found["volumes"] == ["data:/data"]
    assert compose()["volumes"] == {"data": None}
    assert found["environment"]["DB_PATH"].startswith("/data/")
    assert found["environment"]["LOG_DIR"].startswith("/data/")


def test_it_restarts_and_ends_in_peace() -> None:
    found = service()
    assert found["restart"] == "unless-stopped"
    assert int(found["stop_grace_period"].removesuffix("s")) >= 60
    assert "STOPSIGNAL SIGTERM" in DOCKERFILE


def test_the_container_can_do_little() -> None:
    found = service()
    assert found["read_only"] is True
    assert found["cap_drop"] == ["ALL"]
    assert "cap_add" not in found
    assert "privileged" not in found
    assert found["security_opt"] == ["no-new-privileges:true"]
    assert found["tmpfs"] == ["/tmp:size=64m,mode=1777"]  # noqa: S108 - inside the container
    assert found["mem_limit"] == "512m"
    assert found["pids_limit"] > 0
    assert set(found["logging"]["options"]) == {"max-size", "max-file"}


def test_the_image_runs_as_an_unprivileged_user_with_its_data_in_a_volume() -> None:
    final = stages()[-1]
    assert "USER 10001:10001" in final
    assert "VOLUME /data" in final
    assert "DB_PATH=/data/call_logs.db" in final
    assert "LOG_DIR=/data/logs" in final
    assert "EXPOSE 8080" in final
    assert 'ENTRYPOINT ["autodialer"]\nCMD ["serve"]' in final


def test_the_image_has_two_stages_and_only_the_environment_leaves_the_first() -> None:
    build, final = stages()
    assert re.match(r"ARG PYTHON_IMAGE=python:3\.\d+-slim\S*\n", DOCKERFILE)
    assert [stage.split()[0] for stage in (build, final)] == ["${PYTHON_IMAGE}"] * 2
    assert re.findall(r"(?m)^COPY .*", final) == ["COPY --from=build /opt/autodialer /opt/autodialer"]
    assert "ADD " not in DOCKERFILE


def test_the_image_installs_what_was_tested() -> None:
    installer = (ROOT / "deploy" / "install.sh").read_text(encoding="utf-8")
    installs = [line for line in installer.splitlines() if "pip install" in line]
    assert len(installs) == 2
    assert all("--require-hashes" in line for line in installs)
    assert "install.sh /opt/autodialer requirements/run.txt" in stages()[0]
    assert "--require-hashes -r requirements/uv.txt" in stages()[0]


def test_the_health_check_asks_the_service_itself() -> None:
    check = re.search(r'HEALTHCHECK .*\\\n +CMD \["python", "-c", "(.*)"\]', DOCKERFILE)
    assert check is not None
    compile(check[1], "health check", "exec")
    assert "/health/live'" in check[1]  # without its database it still tells senders of results to try again
    assert "os.environ['PORT']" in check[1]


def test_everything_the_image_copies_is_in_its_build_context() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    allowed = [line[1:] for line in ignored if line.startswith("!")]
    assert "*" in ignored
    copied = [word for line in re.findall(r"(?m)^COPY (?!--)(.*) \S+$", DOCKERFILE) for word in line.split()]
    assert copied
    for path in copied:
        assert any(Path(path) == Path(name) or Path(path).match(name) for name in allowed), path


def test_no_package_host_is_named_anywhere() -> None:
    files = [ROOT / "Makefile", ROOT / "Dockerfile", ROOT / "deploy" / "install.sh", *(ROOT / "requirements").iterdir()]
    hits = [path.name for path in files if re.search(r"://(?!127\.0\.0\.1)", path.read_text(encoding="utf-8"))]
    assert hits == []


@pytest.mark.parametrize("script", ["deploy/install.sh", "deploy/update.sh", ".ci/run"])
def test_a_script_is_executable_and_reads_as_shell(script: str) -> None:
    path = ROOT / script
    assert os.access(path, os.X_OK)
    shell = "bash" if "bash" in path.read_text(encoding="utf-8").splitlines()[0] else "sh"
    read = subprocess.run([shell, "-n", str(path)], capture_output=True, check=False)
    assert read.returncode == 0, read.stderr


@pytest.mark.parametrize("target", ["install", "demo", "test", "dev", "bench", "lint", "lock", "clean"])
def test_make_lists_what_it_can_do(target: str) -> None:
    make = subprocess.run(["make", "-C", str(ROOT)], capture_output=True, text=True, check=True)  # noqa: S607 - our own Makefile
    assert f"make {target} " in make.stdout


def test_a_documented_docker_run_leaves_the_command_s_name_to_the_entrypoint() -> None:
    assert 'ENTRYPOINT ["autodialer"]' in DOCKERFILE
    pages = [page.read_text(encoding="utf-8") for page in (ROOT / "docs").rglob("*.md")]
    runs = [
        line for page in pages for line in re.findall(r"docker compose run [^`\n]*", page) if "--entrypoint" not in line
    ]
    assert runs
    assert [line for line in runs if " autodialer" in line] == []


@pytest.mark.parametrize("is_there", [True, False], ids=["beside the old ledger", "on a new server"])
def test_a_backup_is_put_into_the_volume_as_the_guide_says(tmp_path: Path, is_there: bool) -> None:
    guide = (ROOT / "docs/deploy.md").read_text(encoding="utf-8")
    (script,) = re.findall(r"--entrypoint sh service-8x8 -c \\\n +'([^']+)' < backup", guide)
    data = tmp_path / "data"
    data.mkdir()
    for name in ("call_logs.db", "call_logs.db-wal") if is_there else ():
        (data / name).write_text("old")
    done = subprocess.run(
        ["/bin/sh", "-c", script.replace("/data", str(data))], input=b"backup", capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert (data / "backup.db").read_bytes() == b"backup"
    assert not list(data.glob("call_logs.db*"))
    assert len(list((data / "before").iterdir())) == (2 if is_there else 0)
