"""Who may ask: each route with no token, a wrong one, another route's, and the right one."""

import asyncio
import hmac
import socket
import time
from typing import Any

import pytest

from autodialer.cli.common import RunningService, ask
from autodialer.web import tokens
from web.house import API_TOKEN, CALLBACK_TOKEN, House, summary

API_ROUTES = [
    ("POST", "/api/cron?dry_run=true", 200),
    ("POST", "/api/pause", 200),
    ("POST", "/api/resume", 200),
    ("GET", "/api/stats", 200),
    ("GET", "/api/live", 200),
    ("GET", "/api/doctor", 200),
    ("GET", "/api/plan", 200),
    ("GET", "/api/runs", 200),
    ("GET", "/api/runs/none", 404),
    ("GET", "/api/records/lead/1", 404),
    ("GET", "/api/unknown", 200),
    ("POST", "/api/unknown/none", 400),
    ("GET", "/api/parked", 200),
    ("POST", "/api/parked/1", 404),
    ("GET", "/api/do-not-call", 200),
    ("DELETE", "/api/do-not-call/+40709000001", 404),
    ("GET", "/metrics", 200),
]
WRITING: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "/api/cron", {}),
    ("POST", "/api/cron?wait=false", {}),
    ("POST", "/api/pause", {}),
    ("POST", "/api/do-not-call", {"json": {"number": "+40709000001"}}),
    ("POST", "/api/callback", {"json": summary("s-1")}),
]
REFUSED: list[tuple[str, dict[str, str]]] = [
    ("none", {}),
    ("empty", {"authorization": ""}),
    ("wrong", {"authorization": "Bearer " + "x" * len(API_TOKEN)}),
    ("a part", {"authorization": f"Bearer {API_TOKEN[:-1]}"}),
    ("more", {"authorization": f"Bearer {API_TOKEN}x"}),
    ("another scheme", {"authorization": f"Basic {API_TOKEN}"}),
    ("no scheme", {"authorization": API_TOKEN}),
    ("the callback's", {"authorization": f"Bearer {CALLBACK_TOKEN}"}),
    ("no ASCII", {"authorization": "Bearer \u00e9\u00ff"}),
    ("a cookie", {"cookie": f"token={API_TOKEN}"}),
]


@pytest.mark.parametrize(("method", "path", "expected"), API_ROUTES)
def test_a_route_of_the_api_answers_its_own_token_only(guarded: House, method: str, path: str, expected: int) -> None:
    for name, headers in REFUSED:
        encoded = {key.encode(): value.encode("latin-1") for key, value in headers.items()}
        answer = guarded.client.request(method, path, headers=encoded)
        assert (answer.status_code, answer.json()["success"]) == (401, False), name
        assert answer.headers["www-authenticate"] == "Bearer"
        assert API_TOKEN not in answer.text
    query = "&" if "?" in path else "?"
    assert guarded.client.request(method, f"{path}{query}token={API_TOKEN}").status_code == 401
    for scheme in ("Bearer", "bearer"):
        answer = guarded.client.request(method, path, headers={"authorization": f"{scheme} {API_TOKEN}"})
        assert answer.status_code == expected, answer.text


def test_who_shows_no_valid_token_changes_nothing(guarded: House) -> None:
    before = guarded.ledger()
    for method, path, more in WRITING:
        for _, headers in REFUSED[:7]:
            assert guarded.client.request(method, path, headers=headers, **more).status_code == 401
    assert guarded.ledger() == before
    assert guarded.rings() == 0


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({"authorization": f"Bearer {CALLBACK_TOKEN}"}, ""),
        ({"authorization": CALLBACK_TOKEN}, ""),
        ({}, f"?token={CALLBACK_TOKEN}"),
        ({"authorization": "Bearer wrong"}, f"?token={CALLBACK_TOKEN}"),
    ],
)
def test_a_callback_shows_its_token_in_any_of_three_ways(guarded: House, headers: dict[str, str], query: str) -> None:
    event = summary("none-of-ours", event="CALL_ACTION")
    assert guarded.client.post(f"/api/callback{query}", headers=headers, json=event).status_code == 200
    guarded.wait_until("SELECT NOT EXISTS (SELECT 1 FROM inbox WHERE state = 'new')", "it is applied")


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({}, ""),
        ({}, "?token="),
        ({}, "?token=wrong"),
        ({}, f"?token={API_TOKEN}"),
        ({}, f"?TOKEN={CALLBACK_TOKEN}"),
        ({"authorization": f"Bearer {API_TOKEN}"}, ""),
        ({"authorization": f"Basic {CALLBACK_TOKEN}"}, ""),
        ({"authorization": f"Bearer {CALLBACK_TOKEN[:-1]}"}, ""),
    ],
)
def test_a_callback_without_its_own_token_is_not_stored(guarded: House, headers: dict[str, str], query: str) -> None:
    before = guarded.ledger()
    answer = guarded.client.post(f"/api/callback{query}", headers=headers, json=summary("s-2"))
    assert (answer.status_code, answer.json()["success"]) == (401, False)
    assert guarded.ledger() == before


def test_the_open_pages_need_no_token_and_tell_nothing_of_data_or_settings(guarded: House) -> None:
    guarded.ask("POST", "/api/do-not-call", json={"number": "+40709000055"})
    secrets = [
        API_TOKEN,
        CALLBACK_TOKEN,
        "+40709000055",
        "simulated",
        str(guarded.database.parent),
        "SQLite",
        "uvicorn",
    ]
    for path in ("/", "/health", "/health/live", "/health/ready", "/docs", "/openapi.json"):
        answer = guarded.client.get(path)
        assert answer.status_code == 200
        shown = answer.text + str(answer.headers)
        assert [secret for secret in secrets if secret.lower() in shown.lower()] == [], path
    guarded.ask("DELETE", "/api/do-not-call/+40709000055")


def test_the_token_is_asked_for_before_a_body_is_read(guarded: House) -> None:
    head = b"POST /api/do-not-call HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n"
    started = time.monotonic()
    answer = guarded.raw(head)
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b"connection: close" in answer
    assert time.monotonic() - started < 3


def test_tokens_are_compared_in_constant_time(guarded: House, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(shown: Any, wanted: Any) -> bool:
        compared.append((shown, wanted))
        return hmac.compare_digest(shown, wanted)

    class Recorder:
        compare_digest = staticmethod(compare)

    monkeypatch.setattr(tokens, "hmac", Recorder)
    guarded.client.get("/api/stats", headers={"authorization": "Bearer guess"})
    assert compared == [(b"guess", API_TOKEN.encode())]
    compared.clear()
    guarded.client.post("/api/callback?token=c", headers={"authorization": "Bearer b"})
    assert compared == [(shown, CALLBACK_TOKEN.encode()) for shown in (b"Bearer b", b"b", b"c")]


def test_the_commands_ask_the_service_directly_and_show_the_token_to_no_proxy(
    guarded: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        proxy.settimeout(0.2)
        address = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, address)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        answer = asyncio.run(ask(guarded.system.settings, "GET", "/api/stats", patience=5.0))
        assert answer["success"] is True
        assert asyncio.run(RunningService(guarded.system.settings).answers())
        with pytest.raises(TimeoutError):
            proxy.accept()


def test_who_shows_no_token_is_told_how_to(guarded: House) -> None:
    answer = guarded.client.get("/api/stats")
    assert (answer.status_code, answer.json()["message"]) == (401, "this needs Authorization: Bearer <API_TOKEN>")
