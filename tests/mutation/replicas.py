"""Breakages of what processes that share a ledger owe each other; each with the test that must fail for it."""

from collections.abc import Sequence

from mutation.edits import Breakage, Replace


def _test(name: str) -> str:
    return f"tests/service/test_membership.py::test_{name}"


def _slowed(name: str) -> str:
    return f"tests/service/test_slowed.py::test_{name}"


def _store(name: str) -> str:
    return f"tests/store/test_membership.py::test_{name}"


BREAKAGES: Sequence[Breakage] = (
    Breakage(
        "a process that lives is buried",
        [Replace("store/replicas.py", "_r.owner == owner, _r.lease_until < now)", "_r.owner == owner)")],
        [_store("a_process_lives_until_its_lease_has_run_out_and_somebody_says_so")],
    ),
    Breakage(
        "everybody is buried because the database was gone",
        [
            Replace(
                "service/membership.py",
                "if self._m.clock.monotonic() - self._steady_since < self._m.replica_lease:",
                "if False:",
            ),
            Replace(
                "service/membership.py",
                "await self._m.store.write(self._renew)",
                "await self._m.store.read(lambda ledger: ledger.replicas.silent(ledger.shared_now()))",
            ),
        ],
        [_test("nobody_is_buried_because_the_database_was_gone")],
    ),
    Breakage(
        "each process keeps a pace of its own",
        [Replace("service/dialing.py", "            if means.alone\n", "            if True\n")],
        [_test("calls_per_second_hold_over_all_processes_and_are_used_to_the_full")],
    ),
    Breakage(
        "each complaint of one round lowers the pace",
        [Replace("service/headway.py", "if turn < self.since:", "if False:")],
        [_slowed("what_one_process_is_told_slows_the_others_and_what_was_learnt_outlives_it")],
    ),
    Breakage(
        "a round too large for jitter says no more than one complaint",
        [Replace("service/headway.py", "if refused < _PLAINLY_MANY or ", "if True or ")],
        [_slowed("a_limit_that_is_halved_midway_costs_few_requests_and_little_time")],
    ),
    Breakage(
        "a run begins as fast as it goes on",
        [Replace("service/pacing.py", "return _GENTLE if now < self._until else 1.0", "return 1.0")],
        [_slowed("that_the_first_calls_open_their_connections_draws_no_complaint")],
    ),
    Breakage(
        "a turn that waits is used in a pause of the round",
        [Replace("service/shared_pacing.py", "while at < self._paused_until:", "while False:")],
        [_slowed("the_pause_that_8x8_asks_for_is_kept_by_all_though_the_pace_is_lowered_once")],
    ),
    Breakage(
        "lines are counted without a lock",
        [Replace("service/preparing.py", "            if len(reserved) >= free:", "            if False:")],
        [_test("the_lines_hold_over_all_processes")],
    ),
    Breakage(
        "a run that is stopped goes on elsewhere",
        [
            Replace(
                "store/runs.py",
                "runs.c.state == RunState.DIALING.value, runs.c.stop_reason.is_(None))",
                "runs.c.state != RunState.STAGING.value)",
            )
        ],
        [_test("a_run_that_is_stopped_stops_for_every_process")],
    ),
    Breakage(
        "what a dead process had reserved stays reserved",
        [
            Replace(
                "service/membership.py",
                "            moved = self._reconciler.abandon(ledger, silent)\n",
                "            moved: Sequence[Moved] = ()\n",
            )
        ],
        [_test("what_a_dead_dialer_had_reserved_is_called_by_others_within_ten_seconds")],
    ),
    Breakage(
        "who leaves keeps its run",
        [Replace("service/membership.py", "            ledger.runs.hand_over(self._m.owner)\n", "")],
        [_test("who_stops_cleanly_hands_its_run_over_at_once")],
    ),
    Breakage(
        "a process dials along by other rules",
        [Replace("service/runs.py", "run.policy_hash != self._m.policy.hash or ", "")],
        [_test("a_process_with_other_rules_does_not_dial_along")],
    ),
)
