"""Who takes the next call (8x8 page "Agent Status API"): round robin among those who wait for one."""

import asyncio
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass

from autodialer.contact_center.config import ALL_AGENTS, ContactCenterConfig
from autodialer.domain.placing import NobodyFree, NotSent, Refused, Scope, Throttled
from autodialer.ports import Clock
from autodialer.telephony_http.exchange import Exchange, NoReplyError, Reply
from autodialer.telephony_http.retry_after import pause_seconds
from autodialer.telephony_http.words import as_int, as_text

WAITS_FOR_CALL = 4  # WAIT_TRANSACT, which the workspace shows as Available
_REMEMBERED = 500  # calls
_DOUBLED = 3  # times at most, that a rest of `agent_rest` is
_HIDDEN = frozenset({403, 404, 405})  # 8x8 enables the Agent Status API on request only
# A wrong host or tenant is answered alike.
HOW_TO_BE_TOLD = (
    "Check EIGHTX8_BASE_URL and EIGHTX8_CC_TENANT; if right, ask 8x8 to enable the Agent Status API for the tenant."
)


@dataclass(frozen=True, slots=True)
class Roster:
    """The agents who may take our calls, by id; `free` is None where 8x8 does not tell who is."""

    ids: tuple[str, ...]
    free: frozenset[str] | None


class RosterError(Exception):
    """Nobody can be chosen; `outcome` says what that means for a call of which nothing was sent yet."""

    def __init__(self, outcome: NotSent | Refused | Throttled) -> None:
        super().__init__(outcome)
        self.outcome = outcome


class Agents:
    """Chooses agents. An agent who was given a call rests until the stream tells its end, or for `agent_rest` seconds.

    Who was not available time and again rests twice as long each time: each try reserves a call and asks the CRM.
    """

    def __init__(self, config: ContactCenterConfig, exchange: Exchange, clock: Clock) -> None:
        self._config = config
        self._exchange = exchange
        self._clock = clock
        self._roster: Roster | None = None
        self._asked_at = self._not_before = 0.0
        self._asking = asyncio.Lock()
        self._resting: dict[str, float] = {}
        self._giving: set[str] = set()
        self._in_vain: Counter[str] = Counter()
        self._in_session: dict[str, str] = {}
        self._ended: deque[str] = deque(maxlen=_REMEMBERED)
        self._last = ""

    async def choose(self) -> str | NobodyFree | NotSent | Refused | Throttled:
        """The next free agent, who rests from now on; else what becomes of the call, of which nothing was sent."""
        try:
            roster = await self.roster()
        except RosterError as error:
            return error.outcome
        free = self._free(roster)
        if not free:
            return NobodyFree(self._config.nobody_free_pause, "no agent is free")
        # The first one behind the last, in the order of the list.
        after = roster.ids.index(self._last) + 1 if self._last in roster.ids else 0
        order = [*roster.ids[after:], *roster.ids[:after]]
        self._last = next(agent_id for agent_id in order if agent_id in free)
        self.rest(self._last)
        self._giving.add(self._last)
        return self._last

    def given(self, agent_id: str) -> None:
        """What became of the call that he was chosen for is known."""
        self._giving.discard(agent_id)

    async def count_free(self) -> int | None:
        """How many could take a call now, with those who are being given one; None when that can't be told."""
        try:
            return len(self._giving.union(self._free(await self.roster())))
        except RosterError as error:
            return 0 if isinstance(error.outcome, Throttled) else None

    def rest(self, agent_id: str) -> None:
        """He is given a call, and no other for a while, whether or not he is available."""
        doubled = min(self._in_vain[agent_id], _DOUBLED)
        self._resting[agent_id] = self._clock.monotonic() + self._config.agent_rest * 2**doubled

    def not_available(self, agent_id: str) -> None:
        """He could not take the call."""
        self._in_vain[agent_id] += 1

    def wake(self, agent_id: str) -> None:
        """Nothing was sent to him after all."""
        self._resting.pop(agent_id, None)

    def took(self, agent_id: str, session_id: str) -> None:
        """He has this call, unless its end was faster than 8x8's own answer."""
        self._in_vain.pop(agent_id, None)
        if session_id in self._ended:
            self.wake(agent_id)
        else:
            self.rest(agent_id)
            self._in_session[session_id] = agent_id
            while len(self._in_session) > _REMEMBERED:  # their ends were never told
                self._in_session.pop(next(iter(self._in_session)))

    def ended(self, session_id: str) -> None:
        """The call is over; whether he waits for the next one, 8x8 tells from now on."""
        agent_id = self._in_session.pop(session_id, None)
        if agent_id is None:
            self._ended.append(session_id)
        elif agent_id not in self._in_session.values():
            self.wake(agent_id)
            self._roster = None

    async def roster(self) -> Roster:
        """Asked anew when it is older than `status_age`. RosterError."""
        async with self._asking:
            now = self._clock.monotonic()
            if self._roster is None or now - self._asked_at > self._config.status_age:
                self._roster, self._asked_at = None, now
                if now < self._not_before:
                    raise RosterError(Throttled(self._not_before - now))
                self._roster = await self._ask()
            return self._roster

    def _free(self, roster: Roster) -> list[str]:
        now = self._clock.monotonic()
        self._resting = {agent_id: until for agent_id, until in self._resting.items() if until > now}
        waiting = roster.ids if roster.free is None else [one for one in roster.ids if one in roster.free]
        return [agent_id for agent_id in waiting if agent_id not in self._resting]

    async def _ask(self) -> Roster:
        try:
            async with asyncio.timeout(self._config.status_timeout):
                reply = await self._exchange.send("GET", f"{self._config.tenant_url}/agentstatus/agents", kind="agents")
        except TimeoutError as error:
            raise RosterError(NotSent("8x8 did not tell in time who is free")) from error
        except NoReplyError as error:
            raise RosterError(NotSent(f"8x8 could not be asked who is free ({error.reason})")) from error
        if reply.status == 429:  # noqa: PLR2004 - Too Many Requests
            pause = pause_seconds(reply.retry_after, now=self._clock.now(), default=self._config.throttle_pause)
            self._not_before = self._clock.monotonic() + pause
            raise RosterError(Throttled(pause))
        return read_roster(self._config, reply)


def read_roster(config: ContactCenterConfig, reply: Reply) -> Roster:
    """The agents in an answer. RosterError where nobody can be chosen by it."""
    named = config.agent_ids if config.agent_ids != ALL_AGENTS else None
    if reply.status == 200:  # noqa: PLR2004 - HTTP's success
        statuses = read_statuses(reply.body)
        if statuses is None:
            raise RosterError(NotSent("8x8's list of agents can't be read"))
        ids = named if named is not None else tuple(sorted(statuses))
        return Roster(ids, frozenset(one for one in ids if statuses.get(one) == WAITS_FOR_CALL))
    if reply.status in _HIDDEN and named is not None:
        return Roster(named, None)
    if reply.status in _HIDDEN | {400}:
        remedy = f"{HOW_TO_BE_TOLD} Or name the agents in EIGHTX8_CC_AGENT_IDS."
        raise RosterError(Refused(str(reply.status), "8x8 does not tell who is free", Scope.ACCOUNT, remedy))
    if reply.status == 401:  # noqa: PLR2004 - Unauthorized
        message, remedy = "8x8 does not accept tenant and token", "Check EIGHTX8_CC_TENANT and EIGHTX8_API_SECRET."
        raise RosterError(Refused("401", message, Scope.ACCOUNT, remedy))
    raise RosterError(NotSent(f"8x8 could not tell who is free (HTTP {reply.status})"))


def read_statuses(body: object) -> dict[str, int | None] | None:
    """The status of each agent in the list; None when it is no such list."""
    entries = body.get("data") if isinstance(body, Mapping) else None
    if not isinstance(entries, list):
        return None
    found: dict[str, int | None] = {}
    for entry in entries:
        agent_id = as_text(entry.get("agent-id")) if isinstance(entry, Mapping) else None
        if agent_id is not None:
            found[agent_id] = as_int(entry.get("agent-status"))
    return found
