"""What can be set about the simulated Contact Center, at start and through POST /_sim/settings."""

from typing import Literal

import msgspec

StreamFaultKind = Literal["lost", "duplicate", "delay", "reorder", "early", "garbage", "reason", "declined", "unheard"]


class StreamFault(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What goes wrong with the events of the next calls that match.

    kind: `lost` no event is published · `duplicate` each is published `copies` times more · `delay` they come `seconds` later ·
    `reorder` all come at the end, the last one first · `early` the call ends, and all come, before the request to place it is
    answered · `garbage` unreadable frames in between · `reason` the end carries this `reason` · `declined` the agent declines the
    call · `unheard` the person's answer is not published. `destination`: only calls to this number ("" for all). `times`: how many
    calls it meets, 0 for all. Seconds are simulated ones.
    """

    kind: StreamFaultKind
    destination: str = ""
    times: int = 1
    copies: int = 1
    seconds: float = 60.0
    reason: str = ""
    fired: int = 0

    def __post_init__(self) -> None:
        if min(self.times, self.copies, self.seconds, self.fired) < 0:
            raise ValueError("times, copies, seconds and fired can't be negative")

    def meets(self, destination: str) -> bool:
        """Whether it is meant for a call to this number, and not spent."""
        return self.destination in {"", destination} and (self.times == 0 or self.fired < self.times)


class ContactCenterSettings(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The simulated tenant. Times are simulated seconds; `speed` of them pass in one real second.

    `action_token`, `stream_key` None: any will do. `agents`: how many there are at start, all waiting for a call. `agent_answers`:
    the share of calls that the agent takes. `status_api` False: who is free is answered with 403, as before 8x8 enables it.
    `unavailable_status`: the HTTP status of "Agent not available", which 8x8 does not document. `echo`: whether events carry what
    was sent with the call. `calls_per_second` None: no limit; beyond, HTTP 429 with `retry_after`.
    """

    tenant: str = "simulated01"
    action_token: str | None = None
    stream_key: str | None = None
    agents: int = 5
    agent_answers: float = 1.0
    speed: float = 1.0
    prompt_seconds: int = 10
    ring_seconds: int = 25
    talk_seconds: int = 40
    wrap_seconds: int = 5
    status_api: bool = True
    unavailable_status: int = 409
    echo: bool = True
    calls_per_second: int | None = None
    retry_after: int = 1
    stream_faults: list[StreamFault] = []

    def __post_init__(self) -> None:
        if self.speed <= 0:
            raise ValueError("speed must be above 0")
        if not 0 <= self.agent_answers <= 1:
            raise ValueError("agent_answers must be between 0 and 1")

    def real(self, simulated_seconds: float) -> float:
        """The real seconds in which so many simulated ones pass."""
        return simulated_seconds / self.speed

    def take_fault(self, destination: str, *kinds: StreamFaultKind) -> StreamFault | None:
        """The first fault of these kinds for a call to this number, counted."""
        for fault in self.stream_faults:
            if fault.kind in kinds and fault.meets(destination):
                fault.fired += 1
                return fault
        return None

    def changed(self, changes: object) -> "ContactCenterSettings":
        """A copy with these settings replaced. msgspec.ValidationError or ValueError when they make no sense."""
        if not isinstance(changes, dict):
            raise ValueError("settings are a JSON object")  # noqa: TRY004 - the caller answers 400 to a ValueError
        return msgspec.convert({**msgspec.to_builtins(self), **changes}, ContactCenterSettings)
