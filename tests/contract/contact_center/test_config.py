"""What has to be set before the Contact Center is asked for calls, and what is said of what is wrong."""

from typing import Any

import pytest

from autodialer.contact_center.config import REGIONS, ContactCenterConfig, missing_settings
from contract.contact_center.support import config

CLUSTER = "https://vcc-eu3.8x8.com"


def test_with_everything_set_nothing_is_missing() -> None:
    assert missing_settings(config(CLUSTER, stream="UK3")) == []


def test_with_nothing_set_every_variable_is_named_once() -> None:
    problems = missing_settings(ContactCenterConfig())
    named = [problem.split()[0] for problem in problems]
    assert named == [
        "EIGHTX8_API_KEY", "EIGHTX8_API_SECRET", "EIGHTX8_CC_TENANT", "EIGHTX8_CALLER_ID", "EIGHTX8_CC_AGENT_IDS",
        "EIGHTX8_BASE_URL", "EIGHTX8_CC_STREAM",
    ]  # fmt: skip
    assert all("is missing: set it to" in problem for problem in problems)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"stream_key": "two words"}, "EIGHTX8_API_KEY"),
        ({"action_token": "ünprintable"}, "EIGHTX8_API_SECRET"),
        ({"tenant": "a/b"}, "EIGHTX8_CC_TENANT"),
        ({"caller_id": "Company"}, "EIGHTX8_CALLER_ID"),
        ({"queue_id": "sales"}, "EIGHTX8_CC_QUEUE_ID"),
        ({"agent_ids": ("ag 1",)}, "EIGHTX8_CC_AGENT_IDS"),
        ({"base_url": "https://api.8x8.com"}, "EIGHTX8_BASE_URL"),
        ({"base_url": "https://voice.8x8.com/"}, "EIGHTX8_BASE_URL"),
        ({"base_url": "vcc-eu3.8x8.com"}, "EIGHTX8_BASE_URL"),
        ({"stream": "EU1"}, "EIGHTX8_CC_STREAM"),
        ({"stream": "https://pulsar-ws-euw2.8x8.com"}, "EIGHTX8_CC_STREAM"),
    ],
)
def test_what_cannot_be_right_is_named_without_its_value(changes: dict[str, Any], named: str) -> None:
    (problem,) = missing_settings(config(CLUSTER, **{"stream": "UK3", **changes}))
    assert problem.startswith(named)
    secret = changes.get("stream_key") or changes.get("action_token") or changes.get("caller_id")
    assert secret is None or secret not in problem


@pytest.mark.parametrize(
    ("region", "host"), [*REGIONS.items(), ("uk3", REGIONS["UK3"]), ("wss://x.example/", "wss://x.example")]
)
def test_a_region_has_its_host(region: str, host: str) -> None:
    found = config(CLUSTER, stream=region, tenant="acme.1")
    assert found.stream_host == host
    path = "persistent/acme.1/event-v1/all"
    assert found.consumer_url == f"{host}/ws/v2/consumer/{path}/autodialer?receiverQueueSize=100"
    assert found.reader_url == f"{host}/ws/v2/reader/{path}?messageId=latest"


def test_secrets_and_numbers_do_not_show_when_it_is_printed() -> None:
    shown = repr(config(CLUSTER))
    assert "action-token" not in shown
    assert "eght_" not in shown
    assert "+4021" not in shown
