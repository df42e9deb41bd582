"""How far apart calls leave while 8x8 takes fewer than usual: what a complaint and what calm change of it, as pure values."""

from dataclasses import dataclass, replace
from math import inf

SLOWEST = 16.0  # times as long as usual between two turns, at most
CALM = 10.0  # seconds without a complaint after which it goes a step faster
# Times as long, where jitter may have drawn the complaint: twenty milliseconds of it in a second do no harm then; and where that
# was not enough: both together leave as much room for jitter below a limit that was halved.
_A_LITTLE, _HALF = 1.02, 1.98
# Jitter refuses a call or two. Where so many are refused together, of turns that lie so many seconds apart, far less is taken.
_PLAINLY_MANY, _PLAINLY_LONG = 5, 0.09
_FASTER = 1.5  # times as many calls after a step, unless one has failed
_MOST_FAILED = 4  # times at most the wait is doubled and the root taken of the step: 160 seconds, 2.6 percent
_FAILED_HALVED = 2  # of these once it was halved: such limits last, and each step that fails costs everybody a pause
_BORNE = 2.0  # seconds, and
_BORNE_CALLS = 4  # intervals, after which a pace was borne
_SECOND = 1.0  # limits hold for a second: what leaves sooner after the pace was lowered is refused for what left before
_FORGOTTEN = 300.0  # seconds without a complaint after which the usual pace is tried at once: nobody called meanwhile


@dataclass(frozen=True, slots=True)
class Headway:
    """Seconds between two turns: `usual`, and `interval` for turns from `since` on. All instants in seconds of one clock.

    `fine`: the interval that was borne before a step made it shorter. `failed`: how often the wait for the next step is doubled.
    `round_of`: the turn whose complaint lowered the pace by a fiftieth, and `refused`: how many complaints of its round there were.

    A complaint lowers the pace by a fiftieth, or by half where the pace that it was lowered to was not borne. One about a turn
    before `since` belongs to the last one's round, as those calls were in flight together, and changes nothing; but a round too
    large for jitter makes half of the fiftieth. One that follows a step takes back that step; the next one then comes after twice
    the wait, and is the root of the last one. The pace is never above the usual nor below a sixteenth of it.

    Once 8x8 takes everything again, the usual pace is back after 250 seconds of calls at most, whatever happened before; after
    120, where less was taken for no longer than a minute; after 20, where there was one complaint. Each is later by an interval
    for each of at most ten steps.
    """

    usual: float
    interval: float
    since: float = -inf
    fine: float | None = None
    failed: int = 0
    round_of: float | None = None
    refused: int = 0

    def complained(self, turn: float, at: float, resumes_at: float, *, of_all: bool = False) -> "Headway":
        """8x8 had too much to do with the call of this turn, and says so `at`; the next turn is not before `resumes_at`.

        `of_all`: it is known to have to do with all calls, not with this one alone.
        """
        if turn < self.since:
            return self._refused_too(turn)
        borne_for, since = turn - self.since, max(resumes_at, at + _SECOND)
        failed = min(self.failed + 1, _MOST_FAILED)
        if self.fine is not None and self.interval < self.fine and borne_for < CALM:
            return Headway(self.usual, self.fine, since, self.fine, failed)
        is_lowered = self.interval > self.usual
        is_borne = self.interval == self.fine or borne_for >= max(_BORNE, _BORNE_CALLS * self.interval)
        if is_lowered and not is_borne:
            return Headway(self.usual, self._slower(_HALF), since, None, _FAILED_HALVED)
        if of_all and not is_lowered:
            return Headway(self.usual, self._slower(_A_LITTLE * _HALF), since)
        return Headway(self.usual, self._slower(_A_LITTLE), since, None, failed, turn, 1)

    def _refused_too(self, turn: float) -> "Headway":
        if self.round_of is None:
            return self
        refused = self.refused + 1
        if refused < _PLAINLY_MANY or turn - self.round_of < _PLAINLY_LONG:
            return replace(self, refused=refused)
        return Headway(self.usual, self._slower(_HALF), self.since, None, _FAILED_HALVED)

    def calm(self, at: float) -> "Headway":
        """A turn is given out `at`: a step faster, where nobody complained for long enough."""
        calm_for = at - self.since
        if self.interval <= self.usual or calm_for < CALM:
            return self
        if calm_for >= _FORGOTTEN:
            return Headway(self.usual, self.usual, at)
        is_step = self.fine is not None and self.interval < self.fine
        if not is_step and calm_for < CALM * 2**self.failed:
            return self
        failed = max(0, self.failed - 1) if is_step else self.failed
        return Headway(self.usual, self._faster(failed), at, self.interval, failed)

    def _slower(self, times: float) -> float:
        return min(self.interval * times, self.usual * SLOWEST)

    def _faster(self, failed: int) -> float:
        return max(self.interval / float(_FASTER ** (0.5**failed)), self.usual)
