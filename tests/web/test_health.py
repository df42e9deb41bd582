"""Alive, ready, healthy: three questions, and what each answer costs a replica."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from autodialer.web import health
from autodialer.web.app import WebConfig, create_app
from e2e.processes import ask, process, wait_until
from sockets import free_port
from web.house import CALLBACK_TOKEN, NOW, House, house, summary

NOWHERE = "http://127.0.0.1:1"
BARE = {
    "ZOHO_CLIENT_ID": "1000.X",
    "ZOHO_CLIENT_SECRET": "client-secret",
    "ZOHO_REFRESH_TOKEN": "1000.refresh",
    "EIGHTX8_API_KEY": "the-api-key",
    "ZOHO_API_DOMAIN": NOWHERE,
    "ZOHO_ACCOUNTS_URL": NOWHERE,
    "EIGHTX8_BASE_URL": NOWHERE,
}


def asked(service: House, path: str) -> tuple[int, dict[str, Any]]:
    answer = service.client.get(path)
    body = answer.json()
    assert body.pop("timestamp").startswith(f"{NOW:%Y-%m-%d}")
    return answer.status_code, body


def test_a_service_that_works_is_alive_ready_and_healthy(local: House) -> None:
    assert asked(local, "/health/live") == (200, {"status": "live"})
    assert asked(local, "/health/ready") == (200, {"status": "ready"})
    assert asked(local, "/health") == (200, {"status": "healthy"})


def test_monitors_may_ask_for_the_head_alone(local: House) -> None:
    for path in ("/health", "/health/live", "/health/ready"):
        answer = local.client.head(path)
        assert (answer.status_code, answer.content) == (200, b"")


def test_without_its_ledger_it_is_alive_but_not_ready(tmp_path: Path) -> None:
    with house(tmp_path) as service:
        away = service.database.rename(service.database.with_name("away.db"))
        assert asked(service, "/health/live") == (200, {"status": "live"})
        assert asked(service, "/health/ready") == (503, {"status": "not ready", "reasons": ["the database is gone"]})
        away.rename(service.database)
        assert asked(service, "/health/ready") == (200, {"status": "ready"})


def test_with_a_schema_that_is_not_its_own_it_is_not_ready(tmp_path: Path) -> None:
    with house(tmp_path) as service:
        service.sql("UPDATE alembic_version SET version_num = '9999'")
        assert asked(service, "/health/ready") == (
            503,
            {"status": "not ready", "reasons": ["the database can't be used"]},
        )
        assert asked(service, "/health/live")[0] == 200
        service.sql("UPDATE alembic_version SET version_num = '0003'")
        assert asked(service, "/health/ready") == (200, {"status": "ready"})


def own_app(service: House, check: Callable[[], Awaitable[None]]) -> Any:
    config = WebConfig(api_token=None, callback_token=None, development=False, dry_run=False, check_schema=check)
    return create_app(service.system.services, config)


async def test_a_ledger_that_does_not_answer_is_told_of_before_the_asker_gives_up(
    local: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "READY_PATIENCE", 0.05)
    transport = httpx2.ASGITransport(app=own_app(local, asyncio.Event().wait))  # type: ignore[arg-type]  # it never returns
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answer = await client.get("/health/ready")
    assert (answer.status_code, answer.json()["reasons"]) == (503, ["the database does not answer"])


def test_from_the_first_sign_of_the_end_it_is_not_ready_and_still_takes_results(tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    tokens = {"CALLBACK_TOKEN": CALLBACK_TOKEN}
    with process(
        "serve", cwd=tmp_path, env={**BARE, **tokens, "PORT": str(port), "DRAIN_SECONDS": "2"}, log="out"
    ) as child:

        def ready() -> bool:
            assert child.poll() is None, (tmp_path / "out").read_text()
            try:
                return ask("GET", f"{url}/health/ready").status_code == 200
            except httpx2.TransportError:
                return False

        wait_until(ready, "it is ready")
        child.send_signal(signal.SIGTERM)
        wait_until(lambda: ask("GET", f"{url}/health/ready").status_code == 503, "it drains", 1.0)
        assert ask("GET", f"{url}/health/ready").json()["reasons"] == ["the service is stopping"]
        assert ask("GET", f"{url}/health/live").status_code == 200
        posted = ask("POST", f"{url}/api/callback?token={CALLBACK_TOKEN}", json=summary("late", event="CALL_ACTION"))
        assert posted.status_code == 200
        assert child.wait(20) == 0
