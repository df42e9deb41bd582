"""8x8 as a judge: it answers with status and body, tells results by webhook, and counts whom it rang, whatever the ledger says."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from autodialer.domain.disposition import Disposition
from autodialer.domain.errors import TelephonyError
from autodialer.domain.placing import Ambiguous, CallRequest, NotSent, PlaceOutcome
from autodialer.domain.result import CallEvent, CallResult, LoggedCall
from autodialer.eightx8 import mapping
from autodialer.eightx8.callflow import iso_milliseconds
from autodialer.eightx8.classify import Reply, classify
from autodialer.eightx8.config import VoiceConfig
from autodialer.ports import Heard, Take
from autodialer.ports.rows import Arrival
from autodialer.service.callbacks import PROVIDER, read_callback
from proof.exchange import UNANSWERED, Call
from proof.lean.dice import Dice
from proof.lean.heap import Heap, Process, pause
from proof.lean.population import Quotas

AGENT = "+40212345678"
_CONFIG = VoiceConfig(api_key="", agent_number=AGENT)
_SUMMARY = "SESSION_SUMMARY"
_RANG = frozenset(
    {
        "8x8: time-out after accepting",
        "8x8: reset after accepting",
        "8x8: 5xx, and it rang",
        "8x8: success without a session, and it rang",
        "8x8: unknown error -9999, and it rang",
        "8x8: slow",
    }
)
_SILENCE: Mapping[str, PlaceOutcome] = {  # what the client makes of no answer at all
    "8x8: time-out after accepting": Ambiguous("8x8 gave no answer after the request was sent (ReadTimeout)"),
    "8x8: reset after accepting": Ambiguous("8x8 gave no answer after the request was sent (ReadError)"),
    "8x8: out of reach for seconds": NotSent("8x8 could not be reached (ConnectError)"),
}


def _not_created(status: int, code: int) -> Reply:
    return Reply(status, {"sessionStatus": "NOT_CREATED", "statusCode": code, "statusMessage": "no"})


_REPLIES: Mapping[str, Reply] = {
    "8x8: 5xx, and it rang": Reply(503),
    "8x8: 5xx, and it did not ring": Reply(500, {"message": "oops"}),
    "8x8: success without a session, and it rang": Reply(202, {"statusMessage": "ok"}),
    "8x8: unknown error -9999, and it rang": _not_created(200, -9999),
    "8x8: refused": _not_created(200, -1001),
    "8x8: number refused": _not_created(400, -1017),
    "8x8: account refused": Reply(401, {"message": "who are you"}),
    "8x8: 429": Reply(429, {}, "1.5"),
}


class Voice:
    """Rings, tells, counts. `violations` are what may never happen.

    `suppressed` and `paused_since`: monotonic seconds at which that was committed; `tolerance`: how long a call may then still be
    on its way. `json_share`: how many of the webhooks come as 8x8's JSON; the others as what the adapter makes of it.
    """

    def __init__(self, heap: Heap, dice: Dice, note: Callable[[str], None], quotas: Quotas, json_share: float) -> None:
        self._quotas = quotas
        self._heap = heap
        self._dice = dice
        self._note = note
        self._json_share = json_share
        shape = dice.of("shape")
        self.echoes = shape.random() < 0.5
        self.keeps_log = shape.random() < 0.5
        self._times = dice.of("8x8 times").random
        self._webhook_times = dice.of("webhook times").random
        self._moods = dice.of("people").random
        self._temper = shape.random() * 0.5
        self.tolerance = 1.0
        self.take: Callable[[Arrival], bool] = lambda _: False
        self.calls: list[Call] = []
        self.told: dict[str, CallResult] = {}
        self.under_way = 0
        self.late: list[tuple[Call, Disposition]] = []
        self.violations: list[str] = []
        self.suppressed: dict[str, float] = {}
        self.paused_since: float | None = None
        self.sent: set[str] = set()
        self.rung: Counter[str] = Counter()
        self._rung_on: Counter[tuple[str, str]] = Counter()
        self._last_on: dict[str, Call] = {}
        self._down_until = 0.0

    # Placing

    def accept(self, request: CallRequest) -> tuple[Call, float]:
        """What becomes of it is settled the moment it arrives; and the seconds until we hear."""
        now = self._heap.now()
        fault = "8x8: out of reach for seconds" if self._heap.time < self._down_until else self._dice.answer()
        session = f"session-{len(self.calls) + 1}"
        if fault is None or fault == "8x8: slow":
            body = {"sessionId": session, "sessionStatus": "CREATED", "statusCode": 0, "statusMessage": "ok"}
            outcome = classify(Reply(200, body), now=now, default_pause=5.0)
        elif fault in _SILENCE:
            outcome = _SILENCE[fault]
        else:
            outcome = classify(_REPLIES[fault], now=now, default_pause=5.0)
        if isinstance(outcome, NotSent) and self._heap.time >= self._down_until:
            self._down_until = self._heap.time + 5
        rang = fault is None or fault in _RANG
        key, number = request.key, request.number
        call = Call(now, self._heap.time, request.attempt_id, key, number, session, rang, outcome)
        self.calls.append(call)
        self._note(f"call {call.attempt_id} {number} {fault}")
        self._judge(call)
        chance = self._times()
        if rang:
            call.end = self._end(number)
            self._tell(call)
        slow = 20.0 if fault == "8x8: slow" else 3.0 if isinstance(outcome, Ambiguous) else 1.0
        return call, slow * (0.05 + chance * chance * chance)

    def _judge(self, call: Call) -> None:
        """The counts that nobody else keeps."""
        number, moment = call.number, self._heap.time
        if call.attempt_id in self.sent:
            self.violations.append(f"{call.attempt_id} was sent twice")
        self.sent.add(call.attempt_id)
        last = self._last_on.get(number)
        if last is not None and not last.told and last.at.date() >= call.at.date():
            self.violations.append(f"{number} was called again before anything was told of its last call")
        if call.rang or isinstance(call.outcome, Ambiguous):
            self._last_on[number] = call
        if not call.rang:
            return
        day = call.at.date().isoformat()
        self.rung[number] += 1
        self._rung_on[number, day] += 1
        if self.rung[number] > self._quotas.of_all(number):
            self.violations.append(f"{number} rang {self.rung[number]} times")
        if self._rung_on[number, day] > self._quotas.of_day(number, call.at):
            self.violations.append(f"{number} rang {self._rung_on[number, day]} times on {day}")
        if moment - self.tolerance > self.suppressed.get(number, moment):
            self.violations.append(f"{number} rang after it was put on the do-not-call list")
        if self.paused_since is not None and moment - self.tolerance > self.paused_since:
            self.violations.append(f"{number} rang while calling was paused")

    def _end(self, number: str) -> Disposition:
        chance = self._moods()
        answered = self._temper * (int(number[-2:]) / 100)
        if chance < answered:
            return Disposition.ANSWERED
        return UNANSWERED[int(3 * (chance - answered) / (1 - answered))]

    # Telling

    def _tell(self, call: Call) -> None:
        fault, chance = self._dice.webhook(), self._webhook_times
        after = 1.5 + 14 * chance()
        if fault == "webhook: lost":
            return
        if fault == "webhook: hours late":
            self.late.append((call, call.end))
            return
        if fault == "webhook: before 8x8's own answer":
            after = 0.01
        as_json = chance() < self._json_share
        self.send(call, call.end, after, as_json=as_json)
        if fault == "webhook: delivered twice":
            self.send(call, call.end, after + 4 * chance(), as_json=as_json)
        elif fault == "webhook: contradicted":
            other = Disposition.ANSWERED if call.end in UNANSWERED else Disposition.BUSY
            self.send(call, other, after + 2 + 4 * chance(), as_json=as_json)
        elif fault == "webhook: progress comes after the end":
            self.send(call, None, after + 2, as_json=True)

    def send(self, call: Call, end: Disposition | None, after: float, *, as_json: bool) -> None:
        """Deliver so many seconds from now; tried again until it is taken. Without an end it is a mere progress report."""
        self.under_way += 1
        self._heap.spawn(self._deliver(call, end, as_json), after=after)

    def send_late(self) -> None:
        """What was held back for hours comes now."""
        for n, (call, end) in enumerate(self.late):
            self.send(call, end, 0.1 * n, as_json=n % 8 == 0)
        self.late.clear()

    async def _deliver(self, call: Call, end: Disposition | None, as_json: bool) -> None:
        arrival = self._json(call, end) if as_json else self._in_our_words(call, end)
        call.told = call.told or end is not None
        while not self.take(arrival):
            await pause(1.0)
        if end is not None:
            call.heard.append((self._heap.time, end))
        self._note(f"heard {call.session} {end}")
        self.under_way -= 1

    def _in_our_words(self, call: Call, end: Disposition | None) -> Arrival:
        body = f"{call.session} {end}"
        attempt_id = call.attempt_id if self.echoes else None
        if end is not None and body not in self.told:
            self.told[body] = CallResult(end, end.value.upper(), call.session, attempt_id, happened_at=call.at)
        return Arrival(body, PROVIDER, _SUMMARY, call.session, body, self._heap.now())

    def _json(self, call: Call, end: Disposition | None) -> Arrival:
        status = "COMPLETED" if end is Disposition.ANSWERED else str(end).upper()
        leg = {"callStatus": status, "callDirection": "OUTBOUND", "destination": call.number, "callDuration": 7}
        payload: dict[str, Any] = {
            "sessionId": call.session,
            "sessionStatus": "COMPLETED",
            "callCount": 1,
            "endTime": iso_milliseconds(call.at + timedelta(seconds=20)),
            "details": {"callA": leg},
        }
        if self.echoes:
            payload["clientRequestId"] = call.attempt_id
        kind = "CALL_ACTION" if end is None else _SUMMARY
        return read_callback({"namespace": "VOICE", "eventType": kind, "payload": payload}, self._heap.now())

    # The log

    def logged(self, since: datetime, until: datetime) -> list[LoggedCall]:
        """What its log shows of that time."""
        if not self.keeps_log:
            raise TelephonyError("the export failed", permanent=False)
        last = min(until, self._heap.now() - timedelta(seconds=60))
        return [self._log(call) for call in self.calls if call.rang and since <= call.at <= last]

    def _log(self, call: Call) -> LoggedCall:
        call.told = True
        call.logged.append((self._heap.time, self._heap.now()))
        status = call.end.value.upper()
        return LoggedCall(call.session, call.number, call.at, call.at + timedelta(seconds=20), call.end, status, status)


class ProcessVoice:
    """Implements the part of ports.Telephony that a process needs: it can die before it sent, or before it heard."""

    def __init__(self, voice: Voice, process: Process) -> None:
        self._voice = voice
        self._process = process

    async def place(self, request: CallRequest) -> PlaceOutcome:
        self._process.step()
        call, seconds = self._voice.accept(request)
        await pause(seconds)
        self._process.step()
        return call.outcome

    async def listen(self, take: Take) -> None:
        """Results are posted."""

    async def free_agents(self) -> int | None:
        return None

    def read_callback(
        self,
        body: Mapping[str, object],
        number_of: Callable[[str], str | None],
        heard: Heard,  # noqa: ARG002 - one summary tells everything
    ) -> CallEvent:
        return mapping.read_callback(body, number_of, _CONFIG)

    def missing_settings(self) -> Sequence[str]:
        return ()

    async def ensure_webhook(self, registered_hash: str | None, *, takes_over: bool = True) -> str | None:  # noqa: ARG002 - ours alone
        return registered_hash or "hash"

    async def logged_calls(self, since: datetime, until: datetime) -> Sequence[LoggedCall]:
        self._process.step()
        await pause(1.0)
        return self._voice.logged(since, until)
