"""The kit of 8x8 Contact Center: the agent is rung first; results are fetched from its event stream."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from autodialer.clock import SystemClock
from autodialer.contact_center.client import ContactCenterTelephony
from autodialer.domain.placing import Scope
from autodialer.ports import Telephony
from autodialer.simulators.contact_center_settings import StreamFault, StreamFaultKind
from autodialer.simulators.faults import Fault, Match
from autodialer.simulators.people import Behaviour
from contract.contact_center.support import Heard, Simulated, adapter, config, listening, simulated
from contract.telephony.kit import End, Kit, Telling
from service.fakes import MemoryLog

_TELLINGS: Mapping[Telling, StreamFaultKind] = {
    "twice": "duplicate",
    "early": "early",
    "late": "delay",
    "never": "lost",
}


class ContactCenterKit:
    refusals = frozenset({Scope.CALL, Scope.ACCOUNT})
    listens = True

    def __init__(self, simulator: Simulated, telephony: ContactCenterTelephony, heard: Heard) -> None:
        self._simulator = simulator
        self._floor = simulator.app.floor
        self._heard = heard
        self.adapter: Telephony = telephony

    @property
    def events(self) -> Sequence[Mapping[str, Any]]:
        return self._heard.events

    def script(self, number: str, end: End, telling: Telling = "once") -> None:
        self._floor.behaviours[number] = Behaviour((end,))
        if telling in _TELLINGS:
            fault = StreamFault(kind=_TELLINGS[telling], destination=number, seconds=400)
            self._floor.settings.stream_faults.append(fault)

    def refuse(self, number: str, scope: Scope) -> None:
        if scope is Scope.ACCOUNT:
            self._floor.settings.action_token = "a newer one"
        else:
            self._floor.behaviours[number] = Behaviour(("refused",))

    def throttle(self, seconds: int) -> None:
        self._floor.settings.retry_after = seconds
        self._floor.settings.calls_per_second = 0

    def fault(self, fault: Fault) -> None:
        fields = {name: getattr(fault, name) for name in fault.__struct_fields__}
        match = Match(method="POST", path_contains="/calls")
        self._simulator.app.gate.faults.add(Fault(**{**fields, "match": match}))

    def calls(self) -> Sequence[tuple[str, str]]:
        return [(call.session_id, call.destination) for call in self._floor.judge.calls.values()]

    def elsewhere(self, url: str, **changes: Any) -> AbstractAsyncContextManager[Telephony]:
        return adapter(url, **changes)

    def without_settings(self) -> AbstractAsyncContextManager[Telephony]:
        bare = config(self._simulator.url, tenant=None, action_token=None, agent_ids=(), stream=None)
        return ContactCenterTelephony(bare, SystemClock(), MemoryLog())


@asynccontextmanager
async def contact_center() -> AsyncIterator[Kit]:
    with simulated() as simulator:
        async with adapter(simulator.url) as telephony, listening(telephony) as heard:
            yield ContactCenterKit(simulator, telephony, heard)
