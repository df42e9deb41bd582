"""Breakages of the ledger itself, each with the test that must fail for it."""

from collections.abc import Iterator, Sequence

from mutation.edits import SCHEMA, Breakage, Drop, Replace


def _test(file: str, name: str) -> str:
    return f"tests/store/test_{file}.py::test_{name}"


_DROPPED: Sequence[tuple[str, str]] = (
    ("uq_attempts_open_number", "a_number_has_one_open_attempt"),
    ("uq_attempts_open_record", "a_record_has_one_open_attempt"),
    ("uq_attempts_record_slot", "two_attempts_never_share_a_slot"),
    ("uq_attempts_number_slot", "two_attempts_never_share_a_slot"),
    ("uq_attempts_record_day_slot", "two_attempts_never_share_a_slot"),
    ("uq_attempts_number_day_slot", "two_attempts_never_share_a_slot"),
    ("uq_attempts_run_record", "a_run_calls_a_record_once"),
    ("uq_runs_open", "one_run_is_open"),
    ("uq_outbox_pending_record", "a_record_has_one_update_that_waits"),
    ("ours_takes_slots", "a_call_of_ours_takes_all_its_slots"),
    ("total_quota_of_record", "a_slot_beyond_the_quota_does_not_exist"),
    ("total_quota_of_number", "a_slot_beyond_the_quota_does_not_exist"),
    ("day_quota_of_record", "a_slot_beyond_the_quota_does_not_exist"),
    ("day_quota_of_number", "a_slot_beyond_the_quota_does_not_exist"),
    ("sent_has_intent", "a_row_that_contradicts_itself_is_refused"),
    ("placed_has_session", "a_row_that_contradicts_itself_is_refused"),
    ("end_has_disposition", "a_row_that_contradicts_itself_is_refused"),
)
_UNIQUE: Sequence[tuple[str, str, str, str]] = (
    (
        'Column("slot", Instant, unique=True)',
        'sa.UniqueConstraint("slot", name=op.f("uq_runs_slot")),',
        "two runs take one slot",
        _test("constraints", "a_slot_has_one_run"),
    ),
    (
        'Column("session_id", String(120), unique=True)',
        'sa.UniqueConstraint("session_id", name=op.f("uq_attempts_session_id")),',
        "two attempts share a session",
        _test("constraints", "two_attempts_never_share_an_id_or_a_session"),
    ),
)


def _schema() -> Iterator[Breakage]:
    for name, test in _DROPPED:
        yield Breakage(f"without {name}", [Drop(name)], [_test("constraints", test)])
    for column, constraint, name, test in _UNIQUE:
        tables, migration = SCHEMA
        without = [
            Replace(tables, column, column.replace(", unique=True", "")),
            Replace(migration, constraint, ""),
        ]
        yield Breakage(name, without, [test])


_CODE: Sequence[Breakage] = (
    Breakage(
        "anybody moves an attempt",
        [Replace("store/transitions.py", '    _a.owner == bindparam("owner_before"),\n', "")],
        [_test("transitions", "nobody_but_the_owner_moves_an_attempt")],
    ),
    Breakage(
        "an attempt moves from any state",
        [Replace("store/transitions.py", '    _a.state == bindparam("state_before"),\n', "")],
        [_test("transitions", "a_transition_from_a_state_that_is_not_there_changes_nothing")],
    ),
    Breakage(
        "a late result overrules an end that it was not shown",
        [Replace("store/transitions.py", "        if isinstance(before, Ended):", "        if False:")],
        [_test("transitions", "answered_overrules_the_end_that_it_was_shown_and_no_other")],
    ),
    Breakage(
        "a learned session replaces the one that stands",
        [Replace("store/attempts.py", ", _a.session_id.is_(None))", ")")],
        [_test("transitions", "a_session_is_learned_once_and_never_replaced")],
    ),
    Breakage(
        "a released attempt keeps its place in the quotas",
        [Replace("store/transitions.py", "            record_slot=None,\n            number_slot=None,\n", "")],
        [_test("quotas", "a_released_attempt_returns_its_slots_and_the_hole_is_filled_first")],
    ),
    Breakage(
        "calls that only the CRM knows take no place in the quotas",
        [Replace("domain/attempt.py", "place = before + 1", "place = 1")],
        [_test("quotas", "calls_that_only_the_crm_knows_count_too")],
    ),
    Breakage(
        "a run is taken from an owner who lives",
        [Replace("store/runs.py", "and_(runs.c.lease_until < now, gone)", "runs.c.lease_until > _LONG_AGO")],
        [_test("runs", "a_run_is_taken_over_when_its_lease_has_run_out_and_not_before")],
    ),
    Breakage(
        "a lost run is renewed by its former owner",
        [Replace("store/runs.py", ', _OPEN, runs.c.owner == bindparam("owner_before"))', ", _OPEN)")],
        [_test("runs", "a_lease_is_renewed_by_its_owner_while_the_run_is_open")],
    ),
    Breakage(
        "two replicas claim the same records",
        [Replace("store/staging.py", "    .with_for_update(skip_locked=True)", "    #")],
        [_test("replicas", "two_replicas_claim_at_once_without_waiting_and_without_overlap")],
    ),
    Breakage(
        "a second process writes to the same file",
        [Replace("store/lock.py", "fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)", "pass")],
        [_test("lock", "a_second_process_is_refused_and_told_who_has_the_ledger")],
    ),
    Breakage(
        "a write is told before it is committed",
        [
            Replace(
                "store/engine.py",
                "                result = unit.work(connection)\n",
                "                result = unit.work(connection)\n                unit.done.set_result(result)\n",
            ),
            Replace("store/engine.py", "        else:\n            unit.done.set_result(result)\n", ""),
        ],
        [_test("durability", "whoever_is_told_of_a_write_finds_it_in_the_ledger")],
    ),
    Breakage(
        "a group of writes is told before it is committed",
        [
            Replace(
                "store/engine.py",
                "                results = [unit.work(connection) for unit in wanted]\n",
                "                results = [unit.work(connection) for unit in wanted]\n"
                "                for unit, result in zip(wanted, results, strict=True):\n"
                "                    unit.done.set_result(result)\n",
            ),
            Replace(
                "store/engine.py",
                "        for unit, result in zip(wanted, results, strict=True):\n"
                "            unit.done.set_result(result)\n        return []\n",
                "        return []\n",
            ),
        ],
        [_test("durability", "whoever_is_told_of_a_write_finds_it_in_the_ledger")],
    ),
    Breakage(
        "one refused write takes its whole group with it",
        [
            Replace(
                "store/engine.py",
                "            return self._commit_each(wanted)\n        for",
                "            for unit in wanted:\n                unit.done.set_exception(StoreError('x', permanent=False))\n"
                "            return []\n        for",
            )
        ],
        [_test("engine", "a_unit_that_fails_gets_its_own_error_and_harms_no_other_of_its_group")],
    ),
    Breakage(
        "a group whose commit was not answered is done again",
        [
            Replace(
                "store/engine.py",
                "if done and isinstance(error, DBAPIError)",
                "if False and isinstance(error, DBAPIError)",
            )
        ],
        [_test("postgres_wire", "a_group_whose_commit_was_not_answered_is_not_done_again_behind_its_callers_backs")],
    ),
    Breakage(
        "a silent server is waited for",
        [Replace("store/postgres.py", "                        _cut(own)\n", "                        pass\n")],
        [_test("postgres_wire", "a_server_that_takes_everything_and_answers_nothing_is_an_error_in_time")],
    ),
    Breakage(
        "a standby is kept",
        [Replace("store/postgres.py", "context.is_disconnect = True", "pass")],
        [_test("postgres_wire", "a_server_that_became_a_standby_is_left_for_the_new_primary")],
    ),
    Breakage(
        "what is to come after a rollout does not wait for older replicas",
        [Replace("store/migrate.py", "    if crossed:\n", "    if False:\n")],
        [_test("phases", "what_comes_after_a_rollout_waits_until_the_last_old_process_is_gone")],
    ),
    Breakage(
        "code that lacks something starts all the same",
        [Replace("store/migrate.py", "    if oldest is not None and oldest > newest():\n", "    if False:\n")],
        [_test("phases", "old_code_is_refused_once_something_was_taken_away")],
    ),
    Breakage(
        "commits are not synced",
        [Replace("store/sqlite.py", '"PRAGMA synchronous = FULL"', '"PRAGMA synchronous = OFF"')],
        [_test("engine", "sqlite_keeps_a_log_ahead_and_syncs_it_fully")],
    ),
    Breakage(
        "commits are synced only at checkpoints",
        [Replace("store/sqlite.py", '"PRAGMA synchronous = FULL"', '"PRAGMA synchronous = NORMAL"')],
        [_test("engine", "sqlite_keeps_a_log_ahead_and_syncs_it_fully")],
    ),
    Breakage(
        "a file that was replaced is written on",
        [Replace("store/engine.py", "        if inode != self._inode:", "        if False:")],
        [_test("outages", "nothing_is_written_past_a_sqlite_file_that_was_replaced")],
    ),
    Breakage(
        "a superseded update is taken as sent",
        [
            Replace(
                "store/outbox.py",
                '_SETTLE = update(outbox).where(_MINE, _o.state == "pending")',
                "_SETTLE = update(outbox).where(_MINE)",
            )
        ],
        [_test("outbox", "an_update_that_was_superseded_on_its_way_stays_so_and_the_newer_one_waits")],
    ),
    Breakage(
        "the late word of a replica that was taken for dead counts",
        [
            Replace(
                "store/outbox.py",
                '_o.outbox_id == bindparam("id"), _o.claimed_by == bindparam("owner"))',
                '_o.outbox_id == bindparam("id"), bindparam("owner") != "")',
            )
        ],
        [_test("replicas_sharing", "what_a_dead_replica_had_is_anybody_s_and_its_late_word_changes_nothing")],
    ),
    Breakage(
        "an update overtakes an earlier one that another replica has on its way",
        [Replace("store/outbox.py", "_FREE, ~_ON_ITS_WAY)", "_FREE)")],
        [_test("outbox", "an_update_that_was_superseded_on_its_way_stays_so_and_the_newer_one_waits")],
    ),
    Breakage(
        "a callback is applied before an earlier one of its session that another replica applies",
        [Replace("store/inbox.py", "return all(row.inbox_id in left for row in rows)", "return True")],
        [_test("replicas_sharing", "a_callback_waits_while_another_replica_applies_an_earlier_one_of_its_session")],
    ),
    Breakage(
        "new callbacks of a session are looked for in the oldest block alone",
        [Replace("store/by_session.py", "FROM blocks WHERE block IS NOT NULL", "FROM blocks WHERE block < 0")],
        [_test("by_session", "whichever_blocks_they_lie_in")],
    ),
    Breakage(
        "a block of new callbacks beside another is passed over",
        [Replace("store/by_session.py", "{INBOX_BLOCK} > block)", "{INBOX_BLOCK} > block + 1)")],
        [_test("by_session", "whichever_blocks_they_lie_in")],
    ),
    Breakage(
        "a session's settled callbacks are not found",
        [Replace("store/by_session.py", 'f"{_NEW_IDS} UNION ALL {_SETTLED_IDS}"', "_NEW_IDS")],
        [_test("by_session", "whichever_blocks_they_lie_in")],
    ),
    Breakage(
        "a stopped process keeps its rows locked",
        [Replace("store/postgres.py", ', "idle_in_transaction_session_timeout": WRITER_IDLE_MS', "")],
        [
            _test(
                "replicas_locks", "a_process_stopped_in_the_middle_of_a_transaction_blocks_the_others_for_seconds_only"
            )
        ],
    ),
    Breakage(
        "what deadlocked is not tried again",
        [Replace("store/engine.py", '{"40001", "40P01", "55P03", "25P03"}', '{"40001", "25P03"}')],
        [_test("replicas_locks", "two_units_that_lock_the_same_rows_in_another_order_are_both_committed")],
    ),
    Breakage(
        "a duty is taken from a replica that lives",
        [Replace("store/duties.py", '_d.lease_until <= bindparam("now"),', '_d.lease_until > bindparam("now"),')],
        [_test("replicas_sharing", "one_replica_has_a_duty_as_long_as_it_renews_its_lease")],
    ),
    Breakage(
        "a merged update lowers Call Attempts",
        [Replace("store/outbox.py", "attempts = max(attempts, written_attempts or 0)", "pass")],
        [_test("outbox", "call_attempts_never_go_down")],
    ),
    Breakage(
        "a result that only counts lets a waiting status go over a person's",
        [Replace("store/outbox.py", "        if new.status is None:\n            expected = []\n", "")],
        [_test("outbox", "an_update_that_only_counts_does_not_let_a_waiting_status_go_over_what_it_met")],
    ),
)

BREAKAGES: Sequence[Breakage] = (*_schema(), *_CODE)
