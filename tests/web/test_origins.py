"""CALLBACK_ALLOWED_IPS and TRUSTED_PROXIES: callbacks from elsewhere are refused, on both ways that a callback can take."""

from collections.abc import Iterator
from typing import Any

import pytest

from autodialer.web.origins import Origins
from web.house import CALLBACK_TOKEN, TOKENS, House, house, person, result, summary

EIGHTX8 = "18.140.80.2"
WHO = person(0)


@pytest.mark.parametrize(
    ("peer", "forwarded", "allowed"),
    [
        (EIGHTX8, "", True),
        ("52.1.1.1", "", False),
        ("10.0.0.7", EIGHTX8, True),
        ("10.0.0.7", f"{EIGHTX8}, 10.1.2.3", True),
        ("10.0.0.7", f"{EIGHTX8}, 52.1.1.1", False),  # whoever sent it wrote the first one
        ("10.0.0.7", f"52.1.1.1, {EIGHTX8}", True),
        ("52.1.1.1", EIGHTX8, False),  # no proxy of ours
        ("10.0.0.7", "", False),
        ("10.0.0.7", "nonsense", False),
        ("10.0.0.7", f"{EIGHTX8}, nonsense", False),
        ("::ffff:18.140.80.2", "", True),
        ("", EIGHTX8, False),
        (None, EIGHTX8, False),
        ("10.0.0.7", ", ".join(["10.0.0.9"] * 500), False),
    ],
)
def test_the_last_address_that_no_trusted_proxy_vouches_for_must_be_on_the_list(
    peer: str | None, forwarded: str, allowed: bool
) -> None:
    assert Origins.of([EIGHTX8], ["10.0.0.0/8"]).allows(peer, forwarded) is allowed


def test_without_a_list_everybody_may_come() -> None:
    assert Origins.of([], []).allows("203.0.113.9", "whatever")


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    lists: dict[str, Any] = {"callback_allowed_ips": (EIGHTX8,), "trusted_proxies": ("127.0.0.0/8",)}
    with house(tmp_path_factory.mktemp("behind"), [WHO], **TOKENS, **lists) as running:
        yield running


@pytest.mark.parametrize("way", ["/api/callback", "/api/callback?way=usual"])
@pytest.mark.parametrize(("sender", "status"), [(EIGHTX8, 200), ("203.0.113.9", 403), (None, 403)])
def test_both_ways_refuse_who_is_not_on_the_list(behind: House, way: str, sender: str | None, status: int) -> None:
    headers = {"authorization": CALLBACK_TOKEN} | ({"x-forwarded-for": sender} if sender else {})
    for _ in range(2):  # the second time the head is known
        answer = behind.client.post(way, json=summary(f"s-{sender}-{way}"), headers=headers)
        assert answer.status_code == status
    stored = behind.sql(f"SELECT count(*) FROM inbox WHERE session_id = 's-{sender}-{way}'")[0][0]  # noqa: S608 - ours
    assert stored == (1 if status == 200 else 0)


def test_the_list_is_for_callbacks_alone(behind: House) -> None:
    assert behind.client.get("/health").status_code == 200
    assert behind.ask("GET", "/api/stats").status_code == 200
    assert behind.client.post("/api/callback", json=result(WHO)).status_code == 403
