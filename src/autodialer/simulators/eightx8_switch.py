"""The simulated 8x8 itself: takes callflows, lets phones ring, reports how it ended."""

import asyncio
from collections.abc import Mapping
from random import Random
from typing import Final

from autodialer.simulators.common import SimClock
from autodialer.simulators.eightx8_callflow import Callflow, NotCreated
from autodialer.simulators.eightx8_delivery import Delivery
from autodialer.simulators.eightx8_interview import agent_in, asked_for, broken, ended_here, hangs_up, question
from autodialer.simulators.eightx8_judge import Judge
from autodialer.simulators.eightx8_plan import STATUS_OF, Plan, failed_session, plan_call, with_agent, with_status
from autodialer.simulators.eightx8_sessions import Session, e164
from autodialer.simulators.eightx8_settings import VoiceSettings, VssFault
from autodialer.simulators.eightx8_webhooks import Webhooks
from autodialer.simulators.people import Behaviour, Outcome

_CAPACITY: Final = -2010
_TIMED: Final = ("lost", "duplicate", "delay", "shuffle", "contradict")


class Switch:
    """All state of one simulated sub-account. `behaviours`: by E.164 number; who isn't named behaves as usual."""

    def __init__(
        self, behaviours: Mapping[str, Behaviour], clock: SimClock, settings: VoiceSettings, seed: int
    ) -> None:
        self.behaviours = dict(behaviours)
        self.clock = clock
        self.settings = settings
        self.judge = Judge()
        self.webhooks = Webhooks(clock, settings)
        self.delivery = Delivery(clock, settings, self.webhooks, Random(seed))  # noqa: S311 - repeatable
        self._seed = seed
        self._calls: dict[str, int] = {}
        self._agent_calls = 0

    def change(self, settings: VoiceSettings) -> None:
        """Use these settings from now on; calls that are under way keep their pace."""
        self.settings = self.webhooks.settings = self.delivery.settings = settings

    def throttled(self) -> bool:
        """Whether the next call must be answered with 429."""
        return self.settings.over_limit == "429" and self._over_limit()

    async def accept(self, callflow: Callflow) -> Session | NotCreated:
        """Take the call, or refuse a number that its behaviour says is refused."""
        number = e164(callflow.destination)
        outcome, agent_outcome = self._outcomes(number, callflow.agent)
        if outcome == "refused":
            self._calls[number] = self._calls.get(number, 0) + 1
            return NotCreated(400, -1017, "Invalid MSISDN format in Destination")
        early = self.settings.take_fault(number, "early")
        plan = self._plan(callflow, number, (outcome, agent_outcome))
        session = Session(
            callflow=callflow,
            plan=plan,
            outcome=outcome,
            accepted_at=self.clock.now(),
            accepted=asyncio.get_running_loop().time(),
            subaccount_id=self.settings.subaccount_id,
        )
        self._calls[number] = self._calls.get(number, 0) + 1
        self._agent_calls += len(plan.legs) > 1
        self.judge.accept(session)
        if early is not None:
            self.end(session)
            await self.delivery.report(session, early)
        else:
            self.delivery.start(self._live(session, self.settings.take_fault(number, *_TIMED)))
        return session

    def end(self, session: Session) -> None:
        """The session is over now, if it was not before."""
        if session.ended_at is None:
            session.ended_at = self.clock.now()
            self.judge.end(session)

    async def _live(self, session: Session, fault: VssFault | None) -> None:
        await self._tell(session, "CALL_INITIATED")
        lead = session.plan.legs[0]
        if session.callflow.asks and lead.connected is not None and session.plan.error is None:
            await self._converse(session, lead.connected)
        else:
            await asyncio.sleep(self.settings.real(session.plan.seconds))
        await self._tell(session, "CALL_DISCONNECTED")
        if session.ended_at is not None:
            return  # POST /_sim/vss was faster
        self.end(session)
        if session.outcome == "silent":
            session.deliveries.append("silent")
        else:
            await self.delivery.report(session, fault)

    async def _converse(self, session: Session, picked_up: int) -> None:
        """The person is asked to press a key; what then happens is what the answer says (eightx8_interview)."""
        draw = self._draw(session.destination)
        now = picked_up
        await asyncio.sleep(self.settings.real(now))
        await self._tell(session, "CALL_CONNECTED")
        if self.settings.vca_every_action and await self._breaks_off(session, now, None):
            return
        pressed = asked_for(self.settings, draw)
        await asyncio.sleep(self.settings.real(pressed))
        now += pressed
        key = self.behaviours.get(session.destination, Behaviour()).key if session.outcome == "answered" else None
        answer = await self.delivery.ask(session, question(session, self.clock.now(), {"dtmf": key}, None))
        if answer is None:
            session.plan = broken(session, now)
            return
        agent = agent_in(answer)
        if agent is None:
            session.plan, session.last_action = ended_here(session, now, answer), "HANGUP"
        else:
            picked = STATUS_OF[self._agent_outcome(agent, draw)]
            destination = session.callflow.destination
            session.plan = with_agent(destination, agent, picked, (picked_up, now), self.settings, draw)
            session.last_action = "MAKE_CALL"
            self._agent_calls += 1
            own_id = answer.get("clientActionId")
            if self.settings.vca_every_action and await self._breaks_off(session, now, own_id):
                return
        await asyncio.sleep(self.settings.real(session.plan.seconds - now))

    async def _breaks_off(self, session: Session, now: int, own_id: str | None) -> bool:
        """Ask after an action that was no question; whether the answer ends the call there and then."""
        answer = await self.delivery.ask(session, question(session, self.clock.now(), None, own_id))
        if answer is None:
            session.plan = broken(session, now)
        elif hangs_up(answer):
            session.plan, session.last_action = ended_here(session, now, answer), "HANGUP"
        return answer is None or hangs_up(answer)

    async def _tell(self, session: Session, status: str) -> None:
        """A status of the person's leg (VCS), where somebody wants to know."""
        if self.webhooks.enabled("VCS") is not None:
            body = question(session, self.clock.now(), None, None)
            sip = session.plan.legs[0].sip_status if status == "CALL_DISCONNECTED" else 100
            payload = {**body["payload"], "callStatus": status, "sipCode": 200 if status == "CALL_CONNECTED" else sip}
            await self.delivery.progress({**body, "eventType": "CALL_STATUS", "payload": payload})

    def _plan(self, callflow: Callflow, number: str, outcomes: tuple[Outcome, Outcome]) -> Plan:
        if self.settings.over_limit == "-2010" and self._over_limit():
            return failed_session(callflow.destination, _CAPACITY)
        rings = self.behaviours.get(number, Behaviour()).rings
        plan = plan_call(callflow.destination, callflow.agent, outcomes, self.settings, self._draw(number), rings)
        fault = self.settings.take_fault(number, "status")
        return plan if fault is None else with_status(plan, fault.status, fault.error_code)

    def _over_limit(self) -> bool:
        settings = self.settings
        rate = self.judge.in_last_second(asyncio.get_running_loop().time())
        return (settings.max_concurrent is not None and self.judge.live >= settings.max_concurrent) or (
            settings.calls_per_second is not None and rate >= settings.calls_per_second
        )

    def _outcomes(self, number: str, agent: str | None) -> tuple[Outcome, Outcome]:
        call, draw = self._calls.get(number, 0), self._draw(number)
        outcome = self.behaviours.get(number, Behaviour()).outcome(call, draw, self.clock.now().hour)
        return outcome, self._agent_outcome(agent, draw)

    def _agent_outcome(self, agent: str | None, draw: Random) -> Outcome:
        own = None if agent is None else self.behaviours.get(e164(agent))
        if own is None:
            return "answered" if draw.random() < self.settings.agent_answers else "no_answer"
        picked = own.outcome(self._agent_calls, draw)
        return "failed" if picked == "refused" else picked

    def _draw(self, number: str) -> Random:
        """Chance that depends on the number and how often it was called, not on the order of the calls."""
        return Random(f"{self._seed}:{number}:{self._calls.get(number, 0)}")  # noqa: S311 - repeatable
