"""A model of everything that can happen to a deployment, for Hypothesis to find the order in which it hurts.

The store, the use cases and the loops are the real ones; CRM and 8x8 are judges that do what a rule told them to do.
"""

import asyncio
import itertools
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from autodialer.domain.disposition import Disposition, Settlement
from autodialer.domain.errors import DialerError, StoreError
from autodialer.domain.placing import Ambiguous
from autodialer.ports.rows import RunKind
from autodialer.rules.policy import Policy
from autodialer.service.control import pause, resume
from autodialer.store.engine import Database
from autodialer.store.verify import Breach
from proof.exchange import Call
from proof.faults import Dice
from proof.inline import InlineStore, memory_database
from proof.office import STOPPED, Edit
from proof.pace import LOOKS_EVERY
from proof.population import Quotas
from proof.processes import Process, tag_tasks
from proof.reading import count, of_attempts
from proof.scripted import FATES, PEOPLE, START, ScriptedExchange, ScriptedOffice
from proof.times import SimClock, SimLoop
from service.fakes import Crashed, MemoryLog, summary
from service.world import phone

T = TypeVar("T")
_DO_NOT_CALL = 8  # the invariant
_PROCESSES = 3
_OPEN_ENDS = (
    ("attempts", "state IN ('reserved', 'submitting', 'placed', 'unknown')"),
    ("outbox", "state = 'pending'"),
    ("runs", "state IN ('staging', 'dialing')"),
    ("inbox", "state = 'new'"),
)
_NOBODY_KNOWS = "state = 'unknown' OR disposition = 'unknown'"
WHO = st.integers(0, _PROCESSES - 1)
WHOM = st.integers(0, len(PEOPLE) - 1)
KINDS = st.lists(st.sampled_from(["placed", "placed", "timed out, rang", *sorted(FATES)]), max_size=4)
ENDS = st.sampled_from([end for end in Disposition if end is not Disposition.UNKNOWN])


class Deployment(RuleBasedStateMachine):
    """Up to three processes on one ledger."""

    database: Callable[[], Database] = staticmethod(memory_database)

    def __init__(self) -> None:
        super().__init__()
        self.loop = SimLoop()
        tag_tasks(self.loop)
        self.clock = SimClock(self.loop, START)
        self.opened = self.database()
        self.store_fails = self.store_tears = 0
        self.store = InlineStore(self.opened, fails=self._fail, torn=self._tear)
        dice = Dice(0)
        dice.healed = True
        self.crm = ScriptedOffice(self.clock, dice, lambda *_: None)
        self.crm.fails = deque()
        self.crm.add(*PEOPLE)
        quotas = Quotas(list(PEOPLE))
        self.forget = quotas.forget
        self.exchange = ScriptedExchange(self.clock, dice=dice, quota=quotas, tolerance=1.0)
        self.exchange.fates, self.exchange.by_hand = deque(), {}
        self.processes: list[Process] = []
        self._owners, self._ids = itertools.count(1), itertools.count(1)
        self.was_set_back = False
        self.ended_by_hand: set[str] = set()  # it may have been taken for a call placed elsewhere
        self.taken_back: set[str] = set()  # of which a person said that they were never placed
        self.rang_after_all: dict[str, str] = {}  # of those, which were told of nevertheless; and whom they rang

    def _fail(self) -> bool:
        self.store_fails -= self.store_fails > 0
        return self.store_fails > 0

    def _tear(self) -> bool:
        self.store_tears -= self.store_tears > 0
        return self.store_tears > 0

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    @initialize(kinds=KINDS, seconds=st.sampled_from([0.2, 0.5, 1.0, 3.0]))
    def begin(self, kinds: list[str], seconds: float) -> None:
        """Two processes, and a run that is going."""
        self.boot()
        self.boot()
        self.start_run(0, True, kinds, seconds)

    @rule(who=WHO, kinds=KINDS, seconds=st.sampled_from([0.5, 2.0, 6.0]), hours=st.sampled_from([1, 4, 4, 16]))
    def hours_later_another_run(self, who: int, kinds: list[str], seconds: float, hours: int) -> None:
        self.clock.step(3600 * hours)
        self.run(self.clock.sleep(6))
        if not self.processes:
            self.boot()
        self.start_run(who, False, kinds, seconds)

    @precondition(lambda self: len(self.processes) < _PROCESSES)
    @rule()
    def boot(self) -> None:
        """Another process; it may find that the ledger can't be used."""
        process = Process(f"process-{next(self._owners)}", self.clock, alone=False)
        process.wire_up(
            self.store,
            self.crm,
            self.exchange,
            Policy(),
            MemoryLog(),
            lambda: f"id-{next(self._ids):05}",
            calls_per_second=4.0,
            max_concurrent_calls=3,
            result_timeout=60.0,
        )
        process.on_death = self._died

        async def start() -> None:
            try:
                await process.spawn(process.worker.start())
            except (StoreError, Crashed, asyncio.CancelledError):
                process.dead = True
            else:
                self.processes.append(process)

        self.run(start())

    def _died(self, process: Process) -> None:
        if process in self.processes:
            self.processes.remove(process)

    def _who(self, who: int) -> Process | None:
        return self.processes[who % len(self.processes)] if self.processes else None

    @rule(who=WHO, confirm=st.booleans(), kinds=KINDS, seconds=st.sampled_from([0.2, 0.5, 1.0, 5.0]))
    def start_run(self, who: int, confirm: bool, kinds: list[str], seconds: float) -> None:
        """8x8 answers its first calls so; the next event comes after so long."""
        process = self._who(who)
        self.exchange.fates.extend(kinds)

        async def start() -> None:
            assert process is not None
            with suppress(DialerError, Crashed, asyncio.CancelledError):
                await process.spawn(process.services.run_desk.start(RunKind.MANUAL, confirm=confirm))

        if process is not None:
            self.run(start())
            self.run(self.clock.sleep(seconds))

    @rule(kinds=st.lists(st.sampled_from(sorted(FATES)), min_size=1, max_size=4))
    def the_next_calls(self, kinds: list[str]) -> None:
        self.exchange.fates.extend(kinds)

    @precondition(lambda self: self.exchange.calls)
    @rule(ends=st.lists(ENDS, min_size=1, max_size=3), who=WHO)
    def all_are_told(self, ends: list[Disposition], who: int) -> None:
        """Of each call that rang, how it ended."""
        for n, call in enumerate(call for call in self.exchange.calls if call.rang and not call.told):
            self._tell_of(call, ends[n % len(ends)], who)
        self.run(self.clock.sleep(0.2))

    @precondition(lambda self: self.exchange.calls)
    @rule(which=st.integers(0, 30), end=ENDS, echo=st.booleans(), times=st.integers(1, 2), who=WHO)
    def told(self, which: int, end: Disposition, echo: bool, times: int, who: int) -> None:
        """A result of any call that rang: early, late, twice, contradicting an earlier one."""
        rang = [call for call in self.exchange.calls if call.rang]
        if rang:
            call = rang[-1 - which % len(rang)]
            for _ in range(times):
                self._tell_of(call, end, who, echo=echo)

    def _tell_of(self, call: Call, end: Disposition, who: int, *, echo: bool = True) -> None:
        call.told = True
        if self._take(who, summary(call.session, end, **({"attemptId": call.attempt_id} if echo else {}))):
            call.heard.append((self.clock.monotonic(), end))
            if echo and call.attempt_id in self.taken_back and end is not Disposition.FAILED:
                self.rang_after_all[call.attempt_id] = call.number

    @precondition(
        lambda self: any(not call.told and isinstance(call.outcome, Ambiguous) for call in self.exchange.calls)
    )
    @rule(which=st.integers(0, 5), settlement=st.sampled_from(Settlement), who=WHO, late=st.none() | ENDS)
    def a_person_says_how_a_call_ended(
        self, which: int, settlement: Settlement, who: int, late: Disposition | None
    ) -> None:
        """Of which nobody heard; they may be wrong, and 8x8 may tell of it at last."""
        process = self._who(who)
        unknown = of_attempts(self.store, "attempt_id", _NOBODY_KNOWS)
        if process is None or not unknown:
            return
        attempt_id = unknown[-1 - which % len(unknown)]

        async def settle() -> None:
            with suppress(DialerError, Crashed, asyncio.CancelledError), process.at_work():
                await process.services.settler.settle(attempt_id, settlement)

        self.run(settle())
        if attempt_id in of_attempts(self.store, "attempt_id", _NOBODY_KNOWS):
            return
        for call in (call for call in self.exchange.calls if call.attempt_id == attempt_id):
            call.told = True
            if settlement is Settlement.NOT_PLACED and call.rang:
                self.taken_back.add(attempt_id)
                self.exchange.forget(call)
            if late is not None and call.rang:
                self._tell_of(call, late, who)

    @rule(whom=WHOM, end=ENDS, with_id=st.booleans(), who=WHO)
    def told_in_our_own_format(self, whom: int, end: Disposition, with_id: bool, who: int) -> None:
        key = PEOPLE[whom].key
        self.forget(key)  # a call placed elsewhere counts too, and may fill the field of the first one
        body: dict[str, object] = {
            "zoho_id": key.zoho_id,
            "record_type": key.record_type.value,
            "call_status": end.value,
        }
        mine = [call.session for call in self.exchange.calls if call.key == key]
        if with_id:
            body["call_id"] = mine[-1] if mine else f"elsewhere-{next(self._ids)}"
        self._take(who, body)
        self.exchange.by_hand[key] = self.clock.now()
        for call in (call for call in self.exchange.calls if call.key == key):
            self.ended_by_hand.add(call.attempt_id)
            call.told = True

    def _take(self, who: int, body: Mapping[str, object]) -> bool:
        """Whether it was stored for sure."""
        process = self._who(who)

        async def take() -> bool:
            assert process is not None
            try:
                with process.at_work():
                    await process.services.callbacks.take(body)
            except (StoreError, Crashed):
                return False
            except asyncio.CancelledError:  # it died while another of its tasks stored the callback
                assert process.dead
                return False
            return True

        return process is not None and self.run(take())

    @rule(whom=WHOM, status=st.sampled_from([*STOPPED, "New", "No Answer", "Dead"]))
    def a_person_sets_the_status(self, whom: int, status: str) -> None:
        self._edit(whom, Edit(self.clock.monotonic(), status=status))

    @rule(whom=WHOM, more=st.integers(1, 2))
    def a_person_counts_calls(self, whom: int, more: int) -> None:
        held = self.crm.records.get(PEOPLE[whom].key)
        count = held.call_attempts if held is not None else None
        self._edit(whom, Edit(self.clock.monotonic(), call_attempts=(count if isinstance(count, int) else 0) + more))

    @rule(whom=WHOM, other=WHOM)
    def a_person_changes_the_number(self, whom: int, other: int) -> None:
        self._edit(whom, Edit(self.clock.monotonic(), phone=phone(other)))

    def _edit(self, whom: int, edit: Edit) -> None:
        for each in PEOPLE:  # whoever gets the number of another is that person from now on
            if edit.phone or each.key == PEOPLE[whom].key:
                self.forget(each.key)
        self.crm.edit(PEOPLE[whom].key, edit)

    @rule(whom=WHOM)
    def nobody_may_call_that_number_again(self, whom: int) -> None:
        number = phone(whom)
        self._write(lambda ledger: ledger.do_not_call.add(number, "asked", self.clock.now()))
        self.exchange.suppressed.setdefault(number, self.clock.monotonic())

    @rule(seconds=st.sampled_from([0.3, 2.0, 20.0]))
    def paused_for_a_while(self, seconds: float) -> None:
        self._write(lambda ledger: pause(ledger, self.clock.now()))
        self.exchange.paused_since = self.clock.monotonic()
        self.run(self.clock.sleep(seconds))
        self.exchange.paused_since = None
        self._write(lambda ledger: resume(ledger, self.clock.now()))

    def _write(self, work: Callable[[Any], object]) -> None:
        """What the person at the keyboard does until it is done."""
        self.store_fails = self.store_tears = 0
        self.run(self.store.write(work))

    @rule(who=WHO, operations=st.integers(1, 60))
    def dies_soon(self, who: int, operations: int) -> None:
        """At whichever await point of its work that will be."""
        if (process := self._who(who)) is not None:
            process.dies_in = operations

    @rule(who=WHO)
    def dies_now(self, who: int) -> None:
        if (process := self._who(who)) is not None:
            process.die()
            self.run(asyncio.sleep(0))

    @rule(who=WHO, seconds=st.sampled_from([3.0, 15.0, 70.0]))
    def stands_still(self, who: int, seconds: float) -> None:
        if (process := self._who(who)) is not None:
            process.stand_still(seconds)
            self.exchange.tolerance = 100.0  # what it had begun to send may leave when it goes on

    @rule(what=st.lists(st.sampled_from(["pull", "look", "write", "answer torn"]), min_size=1, max_size=3))
    def zoho_fails(self, what: list[str]) -> None:
        self.crm.fails.extend(what)

    @rule(commits=st.integers(2, 6), torn=st.booleans())
    def the_ledger_fails(self, commits: int, torn: bool) -> None:
        if torn:
            self.store_tears = commits
        else:
            self.store_fails = commits

    @rule(seconds=st.sampled_from([-50, -5, 70, 70, 200, 200, 4000, 4000, 86_400]))
    def the_clock_is_set(self, seconds: int) -> None:
        self.was_set_back |= seconds < 0
        self.clock.step(seconds)

    @rule(seconds=st.sampled_from([0.001, 0.01, 0.1, 0.4, 1.0, 5.0, 12.0]))
    def time_goes_by(self, seconds: float) -> None:
        self.run(self.clock.sleep(seconds))

    @invariant()
    def nothing_happened_that_may_never_happen(self) -> None:
        breaches = [breach for breach in self.store.breaches() if self._is_sure(breach)]
        problems = [*self.exchange.violations, *self.crm.violations, *breaches]
        assert not problems, problems

    def _is_sure(self, breach: Breach) -> bool:
        """By its instants alone no ledger can tell who was first when the clock was set back; the judge does it by another one."""
        return breach.number != _DO_NOT_CALL or not self.was_set_back

    def teardown(self) -> None:
        """When all is well again, what is open comes to its end by itself."""
        try:
            if self.processes or self.exchange.calls:
                self._heal()
        finally:
            for task in asyncio.all_tasks(self.loop):
                task.cancel()
            self.run(asyncio.sleep(0))
            self.loop.close()
            self.store.close()
            self.opened.close()

    def _heal(self) -> None:
        self.store_fails = self.store_tears = 0
        self.crm.fails.clear()
        self.exchange.fates.clear()
        for process in self.processes:
            process.dies_in = None
            process.stand_still(0)
        if not self.processes:
            self.boot()
        self.run(self.clock.sleep(20 + LOOKS_EVERY))
        for _ in range(6):
            self.clock.step(86_400)
            self.run(self.clock.sleep(LOOKS_EVERY + 2))
        self.nothing_happened_that_may_never_happen()
        for table, condition in _OPEN_ENDS:
            assert count(self.store, table, condition) == 0, f"{table} are left open"
        sure = {
            call.session for call in self.exchange.calls if call.heard and call.attempt_id not in self.ended_by_hand
        }
        silent = of_attempts(self.store, "session_id", "disposition = 'unknown' AND session_id IS NOT NULL")
        assert sure.isdisjoint(silent), "a result was told and never applied"
        counted = Counter(of_attempts(self.store, "number", "reason LIKE 'rang after all%'"))
        missing = Counter(self.rang_after_all.values()) - counted
        assert not missing, f"they rang although they had been taken as not placed, and count in nothing: {missing}"
