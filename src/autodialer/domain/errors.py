"""The family of errors. Each says what is wrong, where, and what to do; `permanent` says whether trying again can help."""

from autodialer.domain.sentence import Sentence


class DialerError(Exception):
    """Any expected failure. `message` is one sentence fit for a log or a person, without secrets or personal data.

    `sentence`: the same where it can be said in another language too.
    """

    def __init__(self, message: str | Sentence, *, permanent: bool) -> None:
        super().__init__(str(message))
        self.message = str(message)
        self.sentence = message if isinstance(message, Sentence) else None
        self.permanent = permanent


class SettingsError(DialerError):
    """Settings are missing or wrong; `problems` holds one sentence each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems), permanent=True)
        self.problems = problems


class WrongUsage(DialerError):
    """What was asked for can't be meant, or the settings are not those of the service that was asked."""

    def __init__(self, message: str) -> None:
        super().__init__(message, permanent=True)


class CrmError(DialerError):
    """Zoho did not do what was asked. `stops_run`: no other record would fare better."""

    def __init__(self, message: str, *, permanent: bool, code: str = "", stops_run: bool = False) -> None:
        super().__init__(message, permanent=permanent)
        self.code = code
        self.stops_run = stops_run


class TelephonyError(DialerError):
    """8x8 did not do what was asked, other than placing a call (that has outcomes, not errors)."""


class ResultsElsewhere(TelephonyError):
    """8x8 sends results to another address than ours, where they came to. `address`: its host, as the rest may hold a token."""

    def __init__(self, address: str) -> None:
        super().__init__(
            f"8x8 sends results to {address}: another installation, or a person, registered that after this one",
            permanent=True,
        )
        self.address = address


class StoreError(DialerError):
    """The database is gone, read-only or full. Nothing was committed."""


class LedgerRefusal(StoreError):
    """A constraint of the database refused the change: a quota, a second open attempt, a slot that is taken."""


class RunRefused(DialerError):
    """A run can't start. `running` names the run in the way, if one is."""

    def __init__(self, message: str, *, running: str | None = None, permanent: bool = False) -> None:
        super().__init__(message, permanent=permanent)
        self.running = running


class RunTakenOver(DialerError):
    """Another process owns this run now; what we were about to write for it was not written."""


class NoSuchAttempt(DialerError):
    """The ledger knows no attempt with this id."""


class NotUnknown(DialerError):
    """A person can't settle this attempt: its end is known, or its result is still awaited."""


class NotWaiting(DialerError):
    """What a person wants to settle is on no list any more, or is nothing that could be settled so."""


class UnreadableFile(DialerError):
    """A file of numbers that can't be read; says what was expected."""


class MalformedCallback(DialerError):
    """A callback that can't be read; `problems` names every field."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems), permanent=True)
        self.problems = problems
