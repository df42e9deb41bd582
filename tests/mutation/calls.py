"""Breakages on the way of a call: before it is placed, while it is, and afterwards; each with the test that must fail for it."""

from collections.abc import Sequence

from mutation.edits import Breakage, Replace

_ONCE = "tests/contract/zoho/test_activity_once.py"


def _service(file: str, name: str) -> str:
    return f"tests/service/test_{file}.py::test_{name}"


def _voice(file: str, name: str) -> str:
    return f"tests/contract/eightx8/test_{file}.py::test_{name}"


_DIALING: Sequence[Breakage] = (
    Breakage(
        "a call that was taken as not placed and rang after all is left out",
        [Replace("service/ending.py", "if not rang_after_all(attempt, result):", "if attempt.run_id is not None:")],
        [_service("belated", "whom_it_reached_is_held_for_a_person_and_not_called_again")],
    ),
    Breakage(
        "the intent is committed after the call",
        [
            Replace(
                "service/dialing.py", "await self._submit(run, item, stop)", "item.attempt.submit(self._m.clock.now())"
            ),
            Replace(
                "service/dialing.py",
                "self._ask(request)\n",
                "self._ask(request)\n            await self._submit(run, item, stop)\n",
            ),
        ],
        [_service("placing", "design_4_the_intent_is_committed_before_the_request_leaves")],
    ),
    Breakage(
        "a call is placed although its attempt is not ours any more",
        [
            Replace(
                "service/dialing.py",
                "if ledger.attempts.submit(attempt, after, now + SUBMITTING_FOR):",
                "if ledger.attempts.submit(attempt, after, now + SUBMITTING_FOR) or after:",
            )
        ],
        [_service("at_most_once", "invariant_2_a_reserved_attempt_that_another_process_released_is_not_sent")],
    ),
    Breakage(
        "do-not-call is not looked at before sending",
        [Replace("service/dialing.py", "if ledger.do_not_call.has([number]):", "if False:")],
        [_service("last_look", "invariant_8_a_number_suppressed_after_it_was_reserved_is_not_dialled")],
    ),
    Breakage(
        "a pause is not looked at before sending",
        [Replace("service/dialing.py", "if is_paused(ledger):", "if False:")],
        [_service("last_look", "pause_takes_effect_with_its_commit_and_resume_goes_on_with_everybody_called_once")],
    ),
    Breakage(
        "what holds dialing is not looked at before sending",
        [Replace("service/dialing.py", " or hold_problem(ledger, policy, now)", "")],
        [_service("holding", "a_run_that_is_going_sends_no_further_call")],
    ),
    Breakage(
        "a call leaves on another day than that of its run",
        [Replace("service/dialing.py", " or day_over(run, policy, now):", ":")],
        [_service("meanwhile", "row_4_calls_that_wait_for_their_turn_at_midnight_are_not_made_on_the_next_day")],
    ),
    Breakage(
        "a call leaves after its calling hours",
        [Replace("service/dialing.py", "if self._is_closed(number, now):", "if False:")],
        [_service("meanwhile", "check_12_no_call_leaves_after_the_hours_in_which_it_was_decided")],
    ),
    Breakage(
        "a number is called twice in a run, for two records",
        [Replace("service/preparing.py", "if facts.number.e164 in called:", "if False:")],
        [_service("meanwhile", "row_14_a_number_that_a_record_is_given_while_the_run_goes_on_is_called_once_in_it")],
    ),
    Breakage(
        "a run that goes on queues Dead once more",
        [Replace("service/dead.py", "return row.tries > 0", "return False")],
        [
            _service(
                "meanwhile",
                "whom_a_person_gives_another_chance_is_not_made_dead_again_when_the_run_goes_on_after_a_restart",
            )
        ],
    ),
    Breakage(
        "a converted lead is called on",
        [Replace("service/people.py", 'row.state != "sent" and tells_of_conversion(row.last_error)', "False")],
        [_service("write_back", "row_15_a_lead_of_which_zoho_said_that_it_was_converted_is_not_called_again")],
    ),
    Breakage(
        "an answer leaves a waiting Dead as it is",
        [Replace("store/outbox.py", "new.drops_dead and waiting.status is CrmStatus.DEAD", "False")],
        [_service("meanwhile", "row_11_an_answer_heard_while_dead_waits_to_be_written_keeps_the_record_from_it")],
    ),
    Breakage(
        "whoever is not pulled is held no longer",
        [
            Replace(
                "service/unseen.py",
                "return [key for key, kind in kinds.items() if kind not in CALLED and kind not in ours.get(key, ())]",
                "return unseen",
            )
        ],
        [_service("meanwhile", "row_11_who_answered_and_is_hidden_from_us_for_a_run_stays_held")],
    ),
    Breakage(
        "results that were put aside while their session was learnt are not looked for",
        [Replace("service/reconcile.py", "ledger.inbox.reopen(ledger.inbox.orphans_of_open_calls())", "pass")],
        [_service("meanwhile", "a_result_that_one_replica_puts_aside_while_another_learns_its_session_is_not_lost")],
    ),
    Breakage(
        "a run is opened though dialing is held",
        [Replace("service/runs.py", " or hold_problem(ledger, self._m.policy, now):", ":")],
        [_service("holding", "a_backup_that_was_put_back_calls_nobody_and_still_takes_results")],
    ),
    Breakage(
        "the counts in the CRM are not compared before the first call",
        [
            Replace(
                "service/runs.py",
                "if forgotten := await forgotten_calls(patient, run):",
                "if forgotten := None:",
            )
        ],
        [_service("holding", "a_ledger_that_is_behind_the_crm_calls_nobody_and_says_so_everywhere")],
    ),
    Breakage(
        "a call is placed on an old look",
        [Replace("service/dialing.py", "elif self._age_of_look(item) > LOOK_MAX_AGE:", "elif False:")],
        [_service("last_look", "no_call_is_placed_on_a_look_that_is_older_than_promised")],
    ),
    Breakage(
        "the last look is not looked at",
        [
            Replace(
                "service/preparing.py",
                "records = [found[row.key] for row in rows if row.key in found]",
                'changed = __import__("dataclasses").replace\n'
                "        records = [changed(found[row.key], status=row.status) for row in rows if row.key in found]",
            )
        ],
        [_service("last_look", "row_12_who_was_changed_between_the_pull_and_the_call_is_not_called")],
    ),
    Breakage(
        "calls are placed while stopping",
        [Replace("service/dialing.py", "if stop.reason or self._stopping.is_set():", "if stop.reason:")],
        [_service("worker", "after_stopping_no_call_is_placed_the_one_in_flight_is_recorded_and_the_run_stays_open")],
    ),
    Breakage(
        "an ambiguous answer releases the call",
        [
            Replace(
                "service/outcomes.py",
                "attempts.lose(submitted, submitted.lose(",
                "attempts.release(submitted, submitted.release(",
            )
        ],
        [_service("placing", "row_27_an_ambiguous_answer_is_unknown_counts_blocks_and_is_never_sent_again")],
    ),
    Breakage(
        "an ambiguous answer is asked for again",
        [
            Replace(
                "service/dialing.py",
                "outcome = await self._ask(request)\n",
                "outcome = await self._ask(request)\n"
                "            if isinstance(outcome, Ambiguous):\n"
                "                outcome = await self._ask(request)\n",
            )
        ],
        [_service("placing", "row_27_an_ambiguous_answer_is_unknown_counts_blocks_and_is_never_sent_again")],
    ),
    Breakage(
        "a bug while placing is taken as not sent",
        [
            Replace("service/dialing.py", "return Ambiguous(f", "return NotSent(f"),
            Replace("service/dialing.py", "import Ambiguous, ", "import NotSent, "),
        ],
        [_service("placing", "row_27_an_ambiguous_answer_is_unknown_counts_blocks_and_is_never_sent_again")],
    ),
    Breakage(
        "a server error of 8x8 is taken as a refusal",
        [
            Replace(
                "eightx8/classify.py", "if refusal or 400 <= reply.status < 500:", "if refusal or 400 <= reply.status:"
            ),
            Replace("eightx8/classify.py", "if reply.status >= 500:", "if reply.status >= 9999:"),
        ],
        [_voice("classify", "a_server_error_is_ambiguous_whatever_it_says")],
    ),
    Breakage(
        "no answer of 8x8 is taken as not sent",
        [Replace("eightx8/client.py", "            if error.sent:", "            if False:")],
        [_voice("place", "an_answer_that_leaves_doubt_is_ambiguous_and_never_asked_for_again")],
    ),
)

_AFTERWARDS: Sequence[Breakage] = (
    Breakage(
        "a half-sent call of a dead process is free again",
        [
            Replace(
                "service/reconcile.py",
                'attempts.lose(before, before.lose("its process',
                'attempts.release(before, before.release("its process',
            )
        ],
        [
            _service(
                "worker", "stopping_waits_no_longer_than_its_grace_time_and_the_call_is_unknown_to_the_next_process"
            )
        ],
    ),
    Breakage(
        "the calls of replicas that live are abandoned",
        [
            Replace(
                "service/membership.py",
                "            if self._m.alone:\n                return self._bury_all",
                "            if True:\n                return self._bury_all",
            )
        ],
        [_service("at_most_once", "invariant_2_a_replica_that_starts_leaves_what_a_living_one_holds_alone")],
    ),
    Breakage(
        "silence is written as No Answer",
        [
            Replace(
                "service/reconcile.py",
                "attempts.end(before, before.end(Disposition.UNKNOWN, now), None)",
                "attempts.end(before, before.end(Disposition.NO_ANSWER, now), None)\n"
                "                from autodialer.service.projecting import queue_update\n"
                "                queue_update(ledger, self._m.policy, row, Disposition.NO_ANSWER, now)",
            )
        ],
        [_service("results", "row_25_an_unknown_call_closes_at_the_end_of_its_day_and_nothing_is_written")],
    ),
    Breakage(
        "an answered call becomes unanswered by a late result",
        [Replace("domain/disposition.py", "self is Disposition.ANSWERED and earlier.is_unanswered", "True")],
        [_service("results", "row_21_the_first_end_stands")],
    ),
    Breakage(
        "an answer is lost when a non-answer came first",
        [Replace("domain/disposition.py", "self is Disposition.ANSWERED and earlier.is_unanswered", "False")],
        [_service("results", "row_21_answered_wins_and_a_status_that_still_waits_is_not_written")],
    ),
    Breakage(
        "a result and its update are two transactions",
        [
            Replace("service/ending.py", "\n\n\n@dataclass", "\n\nLATE = []\n\n\n@dataclass"),
            Replace(
                "service/ending.py",
                "            queue_update(ledger, policy, attempt, result.disposition, now)\n",
                "            LATE.append((policy, attempt, result.disposition, now))\n",
            ),
            Replace(
                "service/applying.py",
                "            self._write_back.notify()\n",
                "            self._write_back.notify()\n"
                "            from autodialer.service import ending\n"
                "            for late in ending.LATE:\n"
                "                work = (lambda late: lambda ledger: ending.queue_update(ledger, *late))(late)\n"
                "                asyncio.ensure_future(self._m.store.write(work))\n"
                "            ending.LATE.clear()\n",
            ),
        ],
        [_service("at_most_once", "invariant_6_a_process_that_dies_while_it_applies_a_result_loses_no_update")],
    ),
    Breakage(
        "a callback is answered before it is stored",
        [
            Replace(
                "service/callbacks.py",
                "        return taken.done\n",
                "        taken.done.set_result(None)\n        return taken.done\n",
            )
        ],
        [_service("callback_desk", "nobody_is_answered_before_the_callback_is_committed")],
    ),
    Breakage(
        "a callback that was not stored is answered as if it were",
        [Replace("service/callbacks.py", "taken.done.set_exception(error)", "taken.done.set_result(None)")],
        [
            _service(
                "callback_desk", "while_the_database_is_gone_every_sender_is_told_and_afterwards_callbacks_are_taken"
            )
        ],
    ),
    Breakage(
        "a callback that comes again is a second one",
        [
            Replace(
                "service/callbacks.py",
                "None, PROVIDER, text)",
                "None, PROVIDER, text, at.isoformat(), str(id(body)))",
            )
        ],
        [_service("results", "row_21_a_result_delivered_twice_is_applied_once")],
    ),
    Breakage(
        "a result that came before its session is forgotten",
        [
            Replace(
                "service/outcomes.py", "        ledger.inbox.reopen([callback.inbox_id for callback in early])\n", ""
            )
        ],
        [_service("results", "row_23_an_orphan_is_matched_when_its_session_becomes_known")],
    ),
    Breakage(
        "a second agent is called for one session",
        [Replace("service/questions.py", "connected = any(", "connected = False and any(")],
        [_service("questions", "a_question_that_comes_again_has_the_same_answer_and_no_second_agent_is_called")],
    ),
    Breakage(
        "a call that may have rung is given back",
        [
            Replace(
                "service/ending.py",
                "never_rang = result.trouble is not None and not result.trouble.rang",
                "never_rang = result.trouble is not None",
            )
        ],
        [_service("technical_failures", "an_error_that_may_have_rung_somebody_counts")],
    ),
    Breakage(
        "a voicemail is an answered call",
        [Replace("service/hearing.py", "disposition=Disposition(policy.unconfirmed), ", "")],
        [_service("questions", "picked_up_and_pressed_nothing_is_no_answer_by_default_and_says_why")],
    ),
    Breakage(
        "a person's status is overwritten",
        [Replace("service/write_back.py", "status = None if kept is not None else row.status", "status = row.status")],
        [
            _service(
                "write_back", "row_13_the_status_that_a_person_set_while_the_phone_rang_stays_and_the_call_is_counted"
            )
        ],
    ),
    Breakage(
        "a status set between the look and the update is overwritten",
        [
            Replace(
                "service/write_back.py",
                "replace(update, unless_modified_since=record.modified_time)",
                "replace(update)",
            )
        ],
        [_service("human_edits", "row_13_a_status_set_between_our_look_and_our_write_stays_and_the_call_is_counted")],
    ),
    Breakage(
        "a version that may hide a person's change is trusted",
        [Replace("service/write_back.py", "waits=record.changed_just_now", "waits=False")],
        [_service("human_edits", "a_record_changed_in_the_second_of_our_look_waits_two_seconds_which_is_no_try")],
    ),
    Breakage(
        "an activity that may stand in Zoho is sent again without a look",
        [Replace("service/activities.py", "is_put_back or row.form is not None", "False")],
        [_service("activities", "what_may_be_there_is_looked_for_before_it_is_sent_again_and_not_too_soon")],
    ),
    Breakage(
        "that an activity may stand in Zoho is not kept before it is sent",
        [
            Replace(
                "service/activities.py",
                "            ledger.activities.begin(row.attempt_id, owner, activity.form)\n",
                "",
            )
        ],
        [
            f"{_ONCE}::test_a_process_that_dies_after_zoho_took_it_leaves_the_next_one_to_find_it",
        ],
    ),
    Breakage(
        "a smaller Call Attempts is written over a greater one",
        [Replace("service/write_back.py", "isinstance(in_crm, int | float) and in_crm > attempts", "False")],
        [_service("write_back", "invariant_4_call_attempts_never_goes_down")],
    ),
)

BREAKAGES: Sequence[Breakage] = (*_DIALING, *_AFTERWARDS)
