"""What can be set about the simulated 8x8, at start and through POST /_sim/settings."""

from typing import Literal

import msgspec

VssFaultKind = Literal["lost", "duplicate", "delay", "shuffle", "early", "contradict", "status"]


class VssFault(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What goes wrong with the session summaries of the next calls that match.

    kind: `lost` never sent · `duplicate` sent `copies` times more · `delay` sent `seconds` later · `shuffle` held until
    `copies` are waiting or `seconds` have passed, then sent in another order · `early` the call ends and its summary is
    sent before the request to place it is answered · `contradict` after the true summary another one, with `status` for
    the person's leg · `status` the person's leg (and the session) ends with `status`; with ERROR, `error_code`.
    `destination`: only calls to this number ("" for all). `times`: how many calls it meets, 0 for all. Seconds are
    simulated ones.
    """

    kind: VssFaultKind
    destination: str = ""
    times: int = 1
    copies: int = 1
    seconds: float = 60.0
    status: str = ""
    error_code: int = -2004
    fired: int = 0

    def __post_init__(self) -> None:
        if min(self.times, self.copies, self.seconds, self.fired) < 0:
            raise ValueError("times, copies, seconds and fired can't be negative")
        if self.kind == "status" and not self.status:
            raise ValueError("a fault of kind status needs a status, for example CANCELED")

    def meets(self, destination: str) -> bool:
        """Whether it is meant for a call to this number, and not spent."""
        return self.destination in {"", destination} and (self.times == 0 or self.fired < self.times)


class VoiceSettings(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The simulated sub-account. Times are simulated seconds; `speed` of them pass in one real second.

    `api_key` None: any bearer token will do. `caller_ids` None: every source is whitelisted. `two_calls` False: a second
    makeCall is refused with -1011. `echo_client_request_id`: whether summaries carry it, as documented but not promised.
    `refusal_status`: the HTTP status of all refusals of the callflow instead of 400 and 422 (None). `agent_answers`: the
    share of answered calls in which the agent picks up, unless the agent's number has a behaviour of its own.
    `max_concurrent`, `calls_per_second` None: no limit; beyond, `over_limit`: HTTP 429 with `retry_after` seconds, or a
    session that ends with the error -2010. `webhook_replaces`: whether a second webhook of one type replaces the first or
    is refused (not documented; refused is the harder case). `export_seconds`: how long a log export takes. `prompt_seconds`:
    how long the question takes until a key is pressed. `vca_patience`: real seconds in which a VCA must be answered. `vca_copies`:
    how often each is sent. `vca_every_action`: one is sent after each action, not only after a key (both can be read out of the
    documents). `answer_with`: this HTTP status, with its documented body, for every call that is to be placed.
    """

    subaccount_id: str = "simulated_voice"
    api_key: str | None = None
    caller_ids: list[str] | None = None
    two_calls: bool = True
    echo_client_request_id: bool = True
    refusal_status: int | None = None
    speed: float = 1.0
    ring_seconds: int = 25
    talk_seconds: int = 40
    agent_answers: float = 1.0
    max_concurrent: int | None = None
    calls_per_second: int | None = None
    over_limit: Literal["429", "-2010"] = "429"
    retry_after: int = 1
    webhook_replaces: bool = False
    export_seconds: float = 2.0
    prompt_seconds: int = 6
    vca_patience: float = 5.0
    vca_copies: int = 1
    vca_every_action: bool = False
    answer_with: Literal[400, 401, 404, 422, 426, 429, 500] | None = None
    vss_faults: list[VssFault] = []

    def __post_init__(self) -> None:
        if self.speed <= 0:
            raise ValueError("speed must be above 0")
        if not 0 <= self.agent_answers <= 1:
            raise ValueError("agent_answers must be between 0 and 1")
        if min(self.ring_seconds, self.talk_seconds) < 1:
            raise ValueError("ring_seconds and talk_seconds must be at least 1")

    def real(self, simulated_seconds: float) -> float:
        """The real seconds in which so many simulated ones pass."""
        return simulated_seconds / self.speed

    def take_fault(self, destination: str, *kinds: VssFaultKind) -> VssFault | None:
        """The first fault of these kinds for a call to this number, counted."""
        for fault in self.vss_faults:
            if fault.kind in kinds and fault.meets(destination):
                fault.fired += 1
                return fault
        return None

    def changed(self, changes: object) -> "VoiceSettings":
        """A copy with these settings replaced. msgspec.ValidationError or ValueError when they make no sense."""
        if not isinstance(changes, dict):
            raise ValueError("settings are a JSON object")  # noqa: TRY004 - the caller answers 400 to a ValueError
        return msgspec.convert({**msgspec.to_builtins(self), **changes}, VoiceSettings)
