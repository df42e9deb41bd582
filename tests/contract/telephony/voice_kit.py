"""The kit of 8x8 Connect (voice): the person is rung first and bridged to the agent; results are posted to us."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any

from autodialer.domain.placing import Scope
from autodialer.eightx8.client import VoiceTelephony
from autodialer.ports import Telephony
from autodialer.simulators.eightx8_settings import VssFault
from autodialer.simulators.faults import Fault, Match
from autodialer.simulators.people import Behaviour
from contract.eightx8.support import FixedClock, Received, Simulated, receiver, simulated, voice_config
from contract.telephony.kit import End, Kit, Telling

_TELLINGS: Mapping[Telling, VssFault] = {
    "twice": VssFault(kind="duplicate"),
    "early": VssFault(kind="early"),
    "late": VssFault(kind="delay", seconds=400),
    "never": VssFault(kind="lost"),
}


class VoiceKit:
    refusals = frozenset(Scope)
    listens = False

    def __init__(self, simulator: Simulated, received: Received, **settings: Any) -> None:
        self._simulator = simulator
        self._switch = simulator.app.switch
        self._received = received
        self._settings = settings
        self.voice = VoiceTelephony(voice_config(simulator.url, **settings), FixedClock())
        self.adapter: Telephony = self.voice

    @property
    def events(self) -> Sequence[Mapping[str, Any]]:
        return self._received.bodies

    def script(self, number: str, end: End, telling: Telling = "once") -> None:
        self._switch.behaviours[number] = Behaviour((end,))
        if telling in _TELLINGS:
            self._switch.settings.vss_faults.append(_copy(_TELLINGS[telling], number))

    def refuse(self, number: str, scope: Scope) -> None:
        if scope is Scope.NUMBER:
            self._switch.behaviours[number] = Behaviour(("refused",))
        elif scope is Scope.ACCOUNT:
            self._switch.settings.caller_ids = []
        else:
            body = {"sessionStatus": "NOT_CREATED", "statusCode": -1015, "statusMessage": "Validity period expired"}
            self.fault(Fault(kind="status", status=422, body=body))

    def throttle(self, seconds: int) -> None:
        self._switch.settings.retry_after = seconds
        self._switch.settings.calls_per_second = 0

    def fault(self, fault: Fault) -> None:
        match = Match(method="POST", path_contains="/callflows")
        self._simulator.app.gate.faults.add(_matching(fault, match))

    def calls(self) -> Sequence[tuple[str, str]]:
        return [(one.session_id, one.destination) for one in self._switch.judge.sessions.values()]

    def elsewhere(self, url: str, **changes: Any) -> AbstractAsyncContextManager[Telephony]:
        return VoiceTelephony(voice_config(url, **{**self._settings, **changes}), FixedClock())

    def without_settings(self) -> AbstractAsyncContextManager[Telephony]:
        config = replace(voice_config(self._simulator.url), api_key="", subaccount_id=None)
        return VoiceTelephony(config, FixedClock())


def _copy(fault: VssFault, destination: str) -> VssFault:
    return VssFault(kind=fault.kind, seconds=fault.seconds, copies=fault.copies, destination=destination)


def _matching(fault: Fault, match: Match) -> Fault:
    fields = {name: getattr(fault, name) for name in fault.__struct_fields__}
    return Fault(**{**fields, "match": match})


@asynccontextmanager
async def voice() -> AsyncIterator[Kit]:
    with receiver() as received, simulated() as simulator:
        simulator.register(received.url)
        kit = VoiceKit(simulator, received)
        yield kit
        await kit.voice.aclose()


@asynccontextmanager
async def press1() -> AsyncIterator[Kit]:
    """The same, but the person is asked to press a key first: 8x8 asks us what to do next in the middle of the call."""
    with receiver() as received, simulated() as simulator:
        kit = VoiceKit(simulator, received, mode="press1")

        def told(body: Mapping[str, Any]) -> object:
            question = kit.voice.question_in(body)
            return "ok" if question is None else question.answer("one of ours", connected=False).body

        received.answer = told
        for kind in ("VCA", "VSS"):
            simulator.register(received.url, kind=kind)
        yield kit
        await kit.voice.aclose()
