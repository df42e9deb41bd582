"""Without API_TOKEN: no other machine, no foreign page in a browser of this one, no proxy."""

from pathlib import Path

import pytest

from web.house import CALLBACK_TOKEN, House, house, summary

PATHS = ("/", "/health", "/docs", "/openapi.json", "/metrics", "/api/stats", "/api/runs")
FOREIGN = [
    {"host": "evil.example"},
    {"host": "evil.example:8080"},
    {"host": "localhost.evil.example"},
    {"host": "127.0.0.1.evil.example:80"},
    {"host": "localhost:80@evil.example"},
    {"host": "192.168.1.5:8080"},
    {"host": ""},
    {"origin": "https://evil.example"},
    {"origin": "http://localhost.evil.example"},
    {"origin": "null"},
    {"origin": "http://localhost:3000"},
    {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"},
    {"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"},
    {"x-forwarded-for": "203.0.113.9"},
    {"forwarded": "for=203.0.113.9"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_what_does_not_come_from_this_machine_itself_is_refused(local: House, headers: dict[str, str]) -> None:
    before = local.ledger()
    for path in PATHS:
        answer = local.client.get(path, headers=headers)
        assert (answer.status_code, answer.json()["success"]) == (403, False), path
    for path in ("/api/cron", "/api/pause", "/api/callback"):
        answer = local.client.post(path, headers=headers, json={})
        assert (answer.status_code, answer.json()["success"]) == (403, False), path
    assert local.ledger() == before


def test_two_host_headers_are_refused(local: House) -> None:
    both = b"GET /api/stats HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n"
    assert local.raw(both, wait=1)[:13] in (b"HTTP/1.1 400 ", b"HTTP/1.1 403 ")


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "LocalHost", "[::1]", "127.0.0.2"])
def test_this_machine_is_answered_by_any_of_its_own_names(local: House, name: str) -> None:
    for host in (name, f"{name}:8080"):
        assert local.client.get("/api/stats", headers={"host": host}).status_code == 200
        own_page = {"host": host, "origin": f"http://{host}", "sec-fetch-site": "same-origin"}
        assert local.client.post("/api/resume", headers=own_page).status_code == 200


def test_a_link_on_another_page_still_opens_the_documentation(local: House) -> None:
    followed = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert local.client.get("/docs", headers=followed).status_code == 200
    posted = followed | {"origin": "https://evil.example"}
    assert local.client.post("/api/cron", headers=posted).status_code == 403


def test_callbacks_through_a_tunnel_are_taken_once_they_show_a_token(tmp_path: Path) -> None:
    tunnel = {"host": "abc.tunnel.example", "x-forwarded-for": "203.0.113.9"}
    event = summary("none-of-ours", event="CALL_ACTION")
    with house(tmp_path, callback_token=CALLBACK_TOKEN) as service:
        right = {"authorization": f"Bearer {CALLBACK_TOKEN}"}
        assert service.client.post("/api/callback", headers=tunnel | right, json=event).status_code == 200
        assert service.client.post("/api/callback", headers=tunnel, json=event).status_code == 401
        assert service.client.post("/api/cron", headers=tunnel | right).status_code == 403
        assert service.sql("SELECT count(*) FROM inbox") == [(1,)]


def test_a_callback_refused_for_its_way_is_told_what_to_set(local: House) -> None:
    answer = local.client.post("/api/callback", headers={"host": "abc.tunnel.example"}, json=summary("s"))
    assert answer.status_code == 403
    assert "CALLBACK_TOKEN" in answer.json()["message"]
