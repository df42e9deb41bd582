"""Breakages of the figures, each with the test that must fail for it."""

from collections.abc import Sequence

from mutation.edits import Breakage, Replace

_TRIGGERS = "store/migrations/versions/0008_figures.py"
_CODE = "store/counting.py"
_CHANCE = "figures_stay_those_of_the_attempts_whatever_comes_of_a_call"


def _test(name: str) -> str:
    return f"tests/store/test_counting.py::test_{name}"


BREAKAGES: Sequence[Breakage] = (
    Breakage(
        "an end is not counted where there is a figure already",
        [Replace(_TRIGGERS, "SET calls = figures.calls + excluded.calls", "SET calls = figures.calls")],
        [_test(_CHANCE)],
    ),
    Breakage(
        "an end that was overruled is still counted",
        [
            Replace(_TRIGGERS, '        ("counted_no_more", f"UPDATE OF {_WATCHED}", "OLD", -1),\n', ""),
            Replace(_TRIGGERS, "    PERFORM count_attempt(OLD, -1);\n", "    PERFORM 1;\n"),
        ],
        [_test(_CHANCE)],
    ),
    Breakage(
        "a call is counted on the wrong day",
        [
            Replace(
                _TRIGGERS,
                "VALUES ({row}.policy_day, coalesce(",
                "VALUES ((SELECT max(attempts.policy_day) FROM attempts), coalesce(",
            )
        ],
        [_test(_CHANCE)],
    ),
    Breakage(
        "a call is counted in the hour in which it ended",
        [Replace(_TRIGGERS, "coalesce({row}.submitted_at, {row}.reserved_at) / 3600000", "{row}.ended_at / 3600000")],
        [_test(_CHANCE)],
    ),
    Breakage(
        "each call counts as a person",
        [Replace(_TRIGGERS, "    AND other.attempt_id <> {row}.attempt_id) THEN", "    AND 1 = 0) THEN")],
        [_test(_CHANCE)],
    ),
    Breakage(
        "a call that is removed is still counted",
        [
            Replace(_TRIGGERS, '        ("counted_gone", "DELETE", "OLD", -1),\n', ""),
            Replace(_TRIGGERS, '        ("counted_gone", "DELETE", ("OLD",)),\n', ""),
        ],
        [_test("what_somebody_changes_by_hand_is_counted_too")],
    ),
    Breakage(
        "replicas count in the same rows",
        [Replace(_TRIGGERS, "    place := place + 1;\n", "    EXIT;\n")],
        [_test("replicas_that_count_in_the_same_figures_at_once_do_not_wait_for_each_other")],
    ),
    Breakage(
        "two replicas both count one person",
        [
            Replace(
                _TRIGGERS,
                "  PERFORM pg_advisory_xact_lock(8080812, hashtext(of_row.policy_day || of_row.record_type || of_row.zoho_id));\n",
                "",
            )
        ],
        [_test("who_ends_calls_to_one_person_at_once_counts_one_person")],
    ),
    Breakage(
        "a day is counted anew while somebody changes it",
        [Replace(_CODE, '        connection.execute(_ALONE_WITH_DAY, {"day": day})\n', "        pass\n")],
        [_test("a_day_is_counted_anew_after_whoever_changes_it_and_no_other_is_disturbed")],
    ),
    Breakage(
        "the calls of before are not counted",
        [Replace("store/migrate.py", "    count_what_is_known(database)\n", "")],
        [_test("the_calls_of_before_are_counted_when_a_ledger_is_brought_up")],
    ),
    Breakage(
        "who only reads is shown half of the figures",
        [Replace("store/migrate.py", "    refuse_uncounted(connection)\n", "")],
        [_test("counting_goes_on_where_it_was_killed_and_nobody_reads_half_of_it")],
    ),
    Breakage(
        "what is read adds what 8x8 took and rang nobody",
        [
            Replace(
                "store/stats.py",
                "    .where(_f.policy_day.between(_FIRST_DAY, _LAST_DAY), _f.ended_as != _NOT_RUNG)\n",
                "    .where(_f.policy_day.between(_FIRST_DAY, _LAST_DAY))\n",
            )
        ],
        ["tests/store/test_figures.py::test_every_call_that_was_sent_is_in_one_figure_and_no_other"],
    ),
)
