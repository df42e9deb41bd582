"""What the Contact Center adapter has to be told. It reads no environment; bootstrap fills this in."""

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

ALL_AGENTS = ("all",)
REGIONS: Mapping[str, str] = {
    "UK3": "wss://pulsar-ws-euw2.8x8.com",
    "US1": "wss://pulsar-ws-use1.8x8.com",
    "US2": "wss://pulsar-ws-usw2.8x8.com",
}
_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
_TOKEN = re.compile(r"[\x21-\x7e]+")
_MSISDN = re.compile(r"\+?[1-9][0-9]{5,14}")
_DIGITS = re.compile(r"[0-9]{1,10}")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_OTHER_PRODUCTS = frozenset({"api.8x8.com", "voice.8x8.com", "voice.wavecell.com"})


@dataclass(frozen=True, slots=True)
class ContactCenterConfig:
    """Settings of 8x8 Contact Center; times in seconds.

    `base_url`: the cluster, https://vcc-eu3.8x8.com. `action_token`: the password beside the tenant's name. `agent_ids`: who takes
    the calls, or ("all",). `digits_only`: numbers are sent without their plus sign. `stream`: a region or a ws(s) URL;
    `stream_key`: its X-API-Key; `subscription`: the name under which 8x8 remembers what we have taken. `read_timeout` must exceed
    8x8's longest time to accept a call. `status_age`: how old the agents' statuses may be, `status_timeout`: how long they are
    waited for. `agent_rest`: how long an agent who was given a call, or was not available, is not given another one, unless the
    stream says that he is free again. `stream_patience`: how long a call waits for the stream before the first one is placed.
    """

    tenant: str | None = None
    action_token: str | None = field(default=None, repr=False)
    base_url: str | None = None
    agent_ids: tuple[str, ...] = ()
    caller_id: str | None = field(default=None, repr=False)
    queue_id: str | None = None
    digits_only: bool = False
    stream: str | None = None
    stream_key: str = field(default="", repr=False)
    subscription: str = "autodialer"
    connect_timeout: float = 5.0
    read_timeout: float = 30.0
    total_timeout: float = 60.0
    throttle_pause: float = 5.0
    max_response_bytes: int = 4 * 1024 * 1024
    status_age: float = 0.5
    status_timeout: float = 10.0
    agent_rest: float = 10.0
    nobody_free_pause: float = 2.0
    stream_patience: float = 10.0
    reconnect_longest: float = 30.0

    @property
    def tenant_url(self) -> str:
        """Where everything of this tenant lives."""
        return f"{(self.base_url or '').strip().rstrip('/')}/api/v1/tenants/{quote(self.tenant or '', safe='')}"

    @property
    def authorization(self) -> str:
        """The Authorization header: Basic, the tenant's name and the action request token."""
        return f"Basic {b64encode(f'{self.tenant}:{self.action_token}'.encode()).decode()}"

    @property
    def stream_host(self) -> str:
        """Where events are fetched from, without a slash at its end."""
        given = (self.stream or "").strip().rstrip("/")
        return REGIONS.get(given.upper(), given)

    @property
    def consumer_url(self) -> str:
        """All events of the tenant; 8x8 remembers under `subscription` what was acknowledged."""
        return f"{self._topic('consumer')}/{quote(self.subscription, safe='')}?receiverQueueSize=100"

    @property
    def reader_url(self) -> str:
        """The same events from now on, without any trace at 8x8: to see whether one may listen."""
        return f"{self._topic('reader')}?messageId=latest"

    def _topic(self, kind: str) -> str:
        return f"{self.stream_host}/ws/v2/{kind}/persistent/{quote(self.tenant or '', safe='')}/event-v1/all"


def missing_settings(config: ContactCenterConfig) -> list[str]:
    """One sentence for each setting that is missing or can't be right; empty when calls can be placed."""
    checks = (
        (
            "EIGHTX8_API_KEY",
            config.stream_key,
            _TOKEN,
            "the key of the event stream made in 8x8's Admin Console (eght_...)",
        ),
        ("EIGHTX8_API_SECRET", config.action_token, _TOKEN, "the Action Request Token of Configuration Manager"),
        ("EIGHTX8_CC_TENANT", config.tenant, _NAME, "the name of the Contact Center tenant"),
        ("EIGHTX8_CALLER_ID", config.caller_id, _MSISDN, "the number of a channel of the Contact Center, as +40..."),
    )
    found = []
    for name, value, shape, meaning in checks:
        if not value:
            found.append(f"{name} is missing: set it to {meaning}.")
        elif shape.fullmatch(value) is None:
            found.append(f"{name} can't be right: it must be {meaning}.")
    if config.queue_id and _DIGITS.fullmatch(config.queue_id) is None:
        found.append("EIGHTX8_CC_QUEUE_ID can't be right: it must be the number of an outbound queue, such as 101.")
    return [*found, *_agents(config), *_addresses(config)]


def _agents(config: ContactCenterConfig) -> list[str]:
    if not config.agent_ids:
        return ["EIGHTX8_CC_AGENT_IDS is missing: set it to the ids of the agents who take the calls, or to all."]
    if not all(_NAME.fullmatch(agent_id) for agent_id in config.agent_ids):
        return ["EIGHTX8_CC_AGENT_IDS can't be right: it must be agent ids such as agb7CaTIXvQPWmPKmTu1rJjw, or all."]
    return []


def _addresses(config: ContactCenterConfig) -> list[str]:
    found = []
    base, stream = (config.base_url or "").strip(), config.stream_host
    if not base or host_of(base) in _OTHER_PRODUCTS:
        what = f"{base} is another product of 8x8" if base else "is missing"
        found.append(
            f"EIGHTX8_BASE_URL {what}: set it to the Contact Center's cluster, such as https://vcc-eu3.8x8.com."
        )
    elif not base.startswith(("http://", "https://")) or not host_of(base):
        found.append("EIGHTX8_BASE_URL is no http(s) URL: set it to the cluster, such as https://vcc-eu3.8x8.com.")
    if not stream:
        found.append(f"EIGHTX8_CC_STREAM is missing: set it to the region of the event stream, {', '.join(REGIONS)}.")
    elif not stream.startswith(("ws://", "wss://")) or not host_of(stream):
        found.append(f"EIGHTX8_CC_STREAM can't be right: it must be one of {', '.join(REGIONS)}, or a wss:// URL.")
    return found


def is_loopback(url: str) -> bool:
    """Whether `url` names this very machine: a simulator."""
    return host_of(url) in _LOOPBACK


def host_of(url: str) -> str:
    """The host in a URL; "" when there is none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
