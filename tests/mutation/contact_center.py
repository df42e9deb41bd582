"""Breakages on the way of a call through 8x8 Contact Center; each with the test that must fail for it."""

from collections.abc import Sequence

from mutation.edits import Breakage, Replace


def _test(file: str, name: str) -> str:
    return f"tests/contract/contact_center/test_{file}.py::test_{name}"


def _listening(name: str) -> str:
    return f"tests/service/test_listening.py::test_{name}"


BREAKAGES: Sequence[Breakage] = (
    Breakage(
        "contact center: an event is acknowledged before it is stored",
        [
            Replace(
                "contact_center/stream.py",
                "        try:\n            if not await self._keep(message, take):\n",
                '        await connection.send(msgspec.json.encode({"messageId": message_id}).decode())\n'
                "        try:\n            if not await self._keep(message, take):\n",
            )
        ],
        [_test("stream", "what_was_not_stored_when_the_process_died_comes_again")],
    ),
    Breakage(
        "contact center: an event that the ledger could not take is left out",
        [Replace("contact_center/stream.py", "                if error.permanent:\n", "                if True:\n")],
        [_test("stream", "while_the_ledger_is_down_the_event_waits_and_is_not_lost")],
    ),
    Breakage(
        "contact center: a call is placed before the subscription exists",
        [Replace("contact_center/client.py", "if not await self._stream.subscribed():", "if False:")],
        [_test("stream", "before_the_first_subscription_no_call_is_placed")],
    ),
    Breakage(
        "contact center: a server error is a refusal",
        [Replace("contact_center/classify.py", "if reply.status >= 500:", "if reply.status >= 9999:")],
        [_test("classify", "row_27_after_a_server_error_it_may_ring_whatever_the_body_says")],
    ),
    Breakage(
        "contact center: a normal end is an answer",
        [
            Replace(
                "contact_center/events.py",
                '    "CEC_DISCONNECT_BUSY": (',
                '    "CEC_DISCONNECT_NORMAL": (Disposition.ANSWERED, ""),\n    "CEC_DISCONNECT_BUSY": (',
            )
        ],
        [_test("events", "an_end_that_tells_nothing_is_no_result")],
    ),
    Breakage(
        "contact center: one agent's refusal is believed although another took the call",
        [
            Replace(
                "contact_center/events.py",
                "if REJECTED in before and not before & _AGENT_TOOK:",
                "if REJECTED in before:",
            )
        ],
        [_test("events", "a_call_that_another_agent_took_afterwards_may_have_rung")],
    ),
    Breakage(
        "contact center: an agent is given a second call at once",
        [Replace("contact_center/agents.py", "        self.rest(self._last)\n", "")],
        [_test("agents", "who_may_have_a_call_of_an_unknown_fate_is_left_alone_too")],
    ),
    Breakage(
        "contact center: a call whose time is over is sent",
        [Replace("contact_center/client.py", "if self._clock.now() >= request.valid_until:", "if False:")],
        [_test("agents", "a_call_whose_time_is_over_is_not_sent_and_its_agent_stays_free")],
    ),
    Breakage(
        "contact center: events of a call that waits for its session are not kept",
        [Replace("service/listening.py", "if ledger.attempts.awaits_session():", "if False:")],
        [_listening("as_long_as_a_call_waits_for_its_session_every_event_may_be_its")],
    ),
    Breakage(
        "contact center: everybody's events are kept",
        [
            Replace(
                "service/listening.py",
                "return isinstance(session_id, str) and ledger.attempts.find_session(session_id) is not None",
                "return True",
            )
        ],
        [_listening("events_of_other_peoples_calls_are_not_kept")],
    ),
    Breakage(
        "contact center: waiting for an agent costs a try",
        [
            Replace(
                "service/outcomes.py",
                "self._wait(ledger, run, row, submitted, outcome.reason)",
                "self._again(ledger, run, row, submitted, outcome.reason)",
            )
        ],
        [_listening("an_agent_who_was_just_taken_costs_no_try_and_no_quota")],
    ),
    Breakage(
        "contact center: calls are reserved although no agent is free",
        [Replace("service/preparing.py", "if agents is not None:", "if False:")],
        [_listening("without_a_free_agent_the_run_waits_reserves_nothing_and_goes_on_with_the_first_who_is")],
    ),
)
