"""A new version comes: each replica ends and starts again, one after the other, while calls go on."""

import pytest

from e2e.processes import wait_until
from replicas.city import City, Limits, OpenCity, crowd, ready
from replicas.judging import check

PATIENCE = 15.0


def more_calls(here: City) -> None:
    before = here.rings()
    wait_until(lambda: here.rings() > before + 1, "the run goes on", PATIENCE)


@pytest.mark.parametrize(
    "replicas", [2, pytest.param(4, marks=pytest.mark.soak), pytest.param(8, marks=pytest.mark.soak)]
)
def test_replicas_that_are_restarted_in_turn_lose_no_call_and_double_none_and_the_run_goes_on(
    open_city: OpenCity, replicas: int
) -> None:
    with open_city(replicas, crowd(9 * replicas, seed=4), Limits(per_second=3)) as here:
        ready(here)
        here.start_run()
        for replica in here.fleet:
            more_calls(here)
            assert here.owner() is not None, "the run was over before all were restarted"
            replica.ask_to_end()
            assert replica.ended() == 0, replica.process.output()
            replica.start()
            wait_until(replica.healthy, f"{replica.name} is healthy")
        here.settle()
        assert here.unheard() == [], "the end of a call was told and nobody was there to hear it"
        here.finish()
        check(here)
        assert not [row for row in here.attempts() if row["state"] == "unknown" or row["unknown_at"]]
