"""Breakages of what must hold while people, replicas or copies are at work; each with the test that must fail for it."""

from collections.abc import Sequence

from mutation.edits import Breakage, Replace


def _service(file: str, name: str) -> str:
    return f"tests/service/test_{file}.py::test_{name}"


def _store(file: str, name: str) -> str:
    return f"tests/store/test_{file}.py::test_{name}"


BREAKAGES: Sequence[Breakage] = (
    Breakage(
        "a run that broke off is a witness for what the CRM counts",
        [Replace("service/noticing.py", "latest_of(keys, compared=True)", "latest_of(keys)")],
        [_service("holding", "a_run_that_stopped_before_it_compared_is_no_witness_for_the_next")],
    ),
    Breakage(
        "what a run saw says nothing of what the CRM counts",
        [Replace("service/noticing.py", "latest_of(keys, compared=True).items()", "latest_of([]).items()")],
        [_service("holding", "who_had_all_calls_before_this_ledger_began_and_is_edited_is_no_evidence")],
    ),
    Breakage(
        "our own Dead lifts a hold",
        [Replace("service/unseen.py", " and kind not in ours.get(key, ())]", "]")],
        [_service("meanwhile", "row_11_our_own_dead_lets_nobody_with_the_same_number_be_called")],
    ),
    Breakage(
        "an answer in our own format leaves a waiting Dead as it is",
        [Replace("service/projecting.py", "disposition is Disposition.ANSWERED and policy.hold_after_answer", "False")],
        [_service("meanwhile", "row_11_an_answer_told_in_our_format_while_dead_waits_keeps_the_record_from_it")],
    ),
    Breakage(
        "what another replica hears while people are made Dead is not seen",
        [Replace("service/dead.py", "!= [one.history for one in known]:", "== []:")],
        [
            _service(
                "meanwhile",
                "row_11_an_answer_that_another_replica_hears_while_a_page_is_made_dead_keeps_the_record_from_it",
            )
        ],
    ),
    Breakage(
        "people are made Dead though dialing is held",
        [
            Replace(
                "service/runs.py", "        held = hold_problem(ledger, self._m.policy, now)\n", "        held = None\n"
            )
        ],
        [_service("holding", "a_run_makes_nobody_dead_once_dialing_is_held_while_it_pulls")],
    ),
    Breakage(
        "who is given back while nobody seems due is forgotten",
        [Replace("service/dialing.py", "                if seems_over:\n", "                if True:\n")],
        [_service("last_ones", "whom_another_process_gives_back_while_nobody_seems_due_is_called")],
    ),
    Breakage(
        "who was reserved while the run was inherited is forgotten",
        [
            Replace(
                "service/dialing.py",
                "for key in release_unsent(",
                "for key in () and (",
            )
        ],
        [_service("inherited_while_reserving", "whom_it_had_just_reserved_is_called_by_it_as_the_conductor")],
    ),
    Breakage(
        "a copy that was given up becomes the ledger",
        [
            Replace(
                "store/moving/move.py",
                "if not switches.get(MOVING_TO) and not switches.get(MOVED_TO):",
                "if False:",
            )
        ],
        [_store("reopened_meanwhile", "a_copy_given_up_while_it_ran_on_does_not_take_the_ledger_s_place")],
    ),
    Breakage(
        "callbacks are taken into a ledger that was moved away",
        [Replace("service/callbacks.py", "if (why := unusable(ledger)) is not None:", "if (why := None) is not None:")],
        [_store("moved_away_callbacks", "neither_result_nor_question_is_taken_by_who_has_the_old_ledger")],
    ),
    Breakage(
        "one whose rows others hold keeps the writer from everything else",
        [
            Replace(
                "store/engine.py",
                "        return [unit for unit in units if not self._commit_alone(unit)]\n",
                "        for unit in units:\n            while not self._commit_alone(unit):\n                pass\n"
                "        return []\n",
            )
        ],
        [_store("beats_in_time", "units_that_wait_in_vain_keep_no_beat_for_longer_than_a_lease")],
    ),
)
