"""How a call ended, in our words."""

from enum import StrEnum


class Disposition(StrEnum):
    """The end of a call. UNKNOWN is an end too: nobody heard of the call again and nothing is guessed."""

    ANSWERED = "answered"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    FAILED = "failed"
    UNKNOWN = "unknown"

    @property
    def is_unanswered(self) -> bool:
        """True for the three ends that the mission's rules treat as "No Answer"."""
        return self in _UNANSWERED

    def wins_over(self, earlier: "Disposition") -> bool:
        """Whether this end replaces an `earlier` one of the same call.

        rules.md row 21: the first end stands, except that answered wins over a non-answer; row 25: a late result
        still applies to a call that was closed as unknown.
        """
        if self is earlier or self is Disposition.UNKNOWN:
            return False
        return earlier is Disposition.UNKNOWN or (self is Disposition.ANSWERED and earlier.is_unanswered)


class Settlement(StrEnum):
    """What a person may say of a call of which nobody knows how it ended (rules.md row 25)."""

    ANSWERED = "answered"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    FAILED = "failed"
    NOT_PLACED = "not_placed"  # it never rang: its place in the quotas is returned

    @property
    def disposition(self) -> Disposition | None:
        """The end of the call; None when there was no call."""
        return None if self is Settlement.NOT_PLACED else Disposition(self.value)


_UNANSWERED = frozenset({Disposition.NO_ANSWER, Disposition.BUSY, Disposition.FAILED})
