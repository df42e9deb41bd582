"""What costs the CRM's credits is counted by who asks, and only so often in an hour."""

from autodialer.clock import SystemClock
from autodialer.service.allowance import MOST, WHILE, Allowance


class StoppedClock(SystemClock):
    seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


def test_each_name_has_its_own_count_which_ends_an_hour_after_each_question() -> None:
    clock = StoppedClock()
    allowance = Allowance(clock)
    assert all(allowance.take("vera") for _ in range(MOST - 1))
    clock.seconds += WHILE / 2
    assert allowance.take("vera")
    assert not allowance.take("vera")
    assert allowance.take("dan")
    clock.seconds += WHILE / 2
    assert all(allowance.take("vera") for _ in range(MOST - 1))
    assert not allowance.take("vera")
