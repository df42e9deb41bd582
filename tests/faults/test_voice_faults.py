"""Faults of 8x8's side: numbers 6 to 11 and 15."""

import pytest

from crash.town import people
from faults.conftest import OpenStage
from faults.stage import PATHS, Stage

PLACE = PATHS["place"]


def unknown(here: Stage) -> int:
    return int(here.sql("SELECT count(*) FROM attempts WHERE state = 'unknown'"))


def test_fault_06_a_call_whose_answer_was_lost_is_unknown_never_sent_again_and_counted_once(here: Stage) -> None:
    here.settings(echo_client_request_id=True)
    here.fault("voice", PLACE, "drop_after_commit", times=3)
    results = here.run()
    assert here.fired("voice") == 3
    assert results["called"] == 9
    calls = here.count("voice", PLACE)
    here.run()
    assert here.count("voice", PLACE) > calls
    here.tell_again()
    assert unknown(here) == 0
    here.check()


def test_fault_07_a_reset_connection_is_ambiguous_and_a_refused_one_is_not(here: Stage) -> None:
    here.fault("voice", PLACE, "reset", times=2)
    results = here.run()
    assert here.fired("voice") == 2
    assert unknown(here) == 2
    assert results["called"] == 9, "the two may have rung"
    again = here.run()
    assert unknown(here) == 2, "nobody is called who may have been rung this day"
    assert again["reasons"]["open_attempt"] == 2
    here.check()


def test_fault_08_an_error_of_the_server_is_ambiguous_whether_it_took_the_call_or_not(here: Stage) -> None:
    here.fault("voice", PLACE, "status", status=500, commit=True)
    here.fault("voice", PLACE, "html", status=502)
    here.fault("voice", PLACE, "status", status=504, commit=True)
    here.fault("voice", PLACE, "status", status=503)
    here.run()
    assert here.fired("voice") == 4
    here.tell_again()
    assert unknown(here) == 2, "two never rang, and nobody can know"
    here.check()


def test_fault_09_when_8x8_lowers_its_limit_all_wait_as_told_and_nobody_is_lost(here: Stage) -> None:
    here.settings(calls_per_second=5, retry_after=1)
    results = here.run()
    refused = here.world.rings()["totals"]["refused"].get("429", 0)
    assert refused > 0
    assert (results["called"], results["errors"]) == (9, 0)
    assert refused <= 6, "each alone would have come back again and again"
    here.check()


def test_fault_10_a_refused_key_ends_the_run_with_its_reason_and_the_next_one_tries_again(here: Stage) -> None:
    here.fault("voice", PLACE, "status", status=401, skip=2, times=0, body={"statusCode": 401, "statusMessage": "no"})
    answer = here.house.ask("POST", "/api/cron")
    here.settle()
    assert here.fired("voice") >= 1
    assert answer.json()["success"] is False
    assert "EIGHTX8_API_KEY" in answer.text
    asked = here.count("voice", PLACE)
    assert asked <= 9
    here.forget_faults("voice")
    here.run()
    here.check()


@pytest.mark.parametrize(
    ("body", "headers"),
    [("x" * 8_000_000, {}), ("x" * 2_000_000, {"content-encoding": "gzip"}), ("[" * 500_000, {})],
    ids=["too much", "compressed", "nested"],
)
def test_fault_11_an_absurd_answer_is_ambiguous_and_is_not_read_to_its_end(
    here: Stage, body: str, headers: dict[str, str]
) -> None:
    here.fault("voice", PLACE, "status", status=200, body=body, headers=headers, times=2)
    here.run()
    assert here.fired("voice") == 2
    assert unknown(here) == 2
    here.check()


def test_fault_15_a_result_that_comes_before_the_answer_to_the_call_is_matched(open_stage: OpenStage) -> None:
    with open_stage(everybody=people()[:4]) as here:
        here.settings(vss_faults=[{"kind": "early", "times": 0}])
        assert here.run()["called"] == 4
        assert here.sql("SELECT count(*) FROM inbox WHERE state = 'applied'") == 4
        assert here.sql("SELECT count(*) FROM attempts WHERE state = 'ended' AND session_id IS NOT NULL") == 4
        here.check()
