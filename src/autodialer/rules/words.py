"""What each reason means, in plain words: the one place where a reason of a verdict or of a run gets its English.

`{names}` are filled in by whoever says it (service/telling.py); other languages translate the words as they stand here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from autodialer.rules.verdict import CallReason, DeadReason, SkipReason


@dataclass(frozen=True, slots=True)
class Words:
    """`short`: in a list or a heading. `why`: a whole sentence. `change`: what would make it otherwise, one sentence each."""

    short: str
    why: str
    change: tuple[str, ...] = ()


BECOMES_DEAD: Final = "becomes_dead"
"""In the place of `status` while Zoho still shows a status that is called and the update to Dead waits."""

LAST_DAY: Final = "last_day"
"""In the place of `day_quota` on the last day that has calls."""

LAST_HOURS: Final = "last_hours"
"""In the place of `calling_hours` where the record becomes Dead before they begin again."""

CALLED_BY_US: Final = "new_called_by_us"
CLOSED_UNKNOWN: Final = "new_closed_unknown"
"""In the place of `new_already_called` where the ledger itself knows of a call: nothing that is emptied in Zoho changes that."""

NAMES: Final = frozenset(
    {"status", "new", "no_answer", "dead", "until", "closes", "most", "attempts", "total", "day", "other", "attempt"}
)
"""All that the sentences may leave to be filled in."""

_SET_STATUS = "A person sets the status to {new} or {no_answer} in Zoho."
_SET_STATUS_THAT_FITS = "A person sets the status that fits, {no_answer} if calls are to go on."
_REPAIR_ATTEMPTS = "Somebody repairs Call Attempts in Zoho: a whole number from 0 to {most}."
_REPAIR_FIRST = "Somebody repairs First No Answer At in Zoho: the time of the first unanswered call, or empty."
_CORRECT_PHONE = "Somebody corrects Phone or Mobile in Zoho."
_ELSE_DEAD = "A person sets another status in Zoho; else it becomes {dead} at the first run after {until}."
_NEXT_RUN = "Nothing is needed: the next run tries again."

_CALLS: Final[Mapping[CallReason, Words]] = {
    CallReason.NEW: Words("is new", "The record is new and was never called: it gets its one call."),
    CallReason.NO_ANSWER: Words(
        "nobody has answered yet", "Nobody has answered so far, and a call is left: {attempts} of {total} are made."
    ),
}
_SKIPS: Final[Mapping[SkipReason, Words]] = {
    SkipReason.STATUS: Words(
        "the status is not called",
        "The status in Zoho is {status}, and only {new} and {no_answer} are called.",
        (_SET_STATUS,),
    ),
    SkipReason.OPEN_ATTEMPT: Words(
        "a call is not settled",
        "A call is going on, or its result is not known yet; nobody is called a second time meanwhile.",
        (
            "The result of call {attempt} comes in, or a person settles it (autodialer unknown --settle {attempt}).",
            "At the latest at {closes}, when its day is over, it is closed as unknown.",
        ),
    ),
    SkipReason.ANSWERED_WAITING: Words(
        "answered, waits for a person",
        "The last call was answered, and nobody has changed the status in Zoho since: a person takes over from there.",
        ("A person sets another status in Zoho; if calls are to go on, {new} or {no_answer} afterwards.",),
    ),
    SkipReason.BAD_CALL_ATTEMPTS: Words(
        "Call Attempts can't be trusted",
        "Call Attempts in Zoho can't be trusted: it is no whole number from 0 to {most}.",
        (_REPAIR_ATTEMPTS,),
    ),
    SkipReason.BAD_FIRST_NO_ANSWER: Words(
        "First No Answer At can't be read", "First No Answer At in Zoho is no date and time.", (_REPAIR_FIRST,)
    ),
    SkipReason.FIRST_NO_ANSWER_IN_FUTURE: Words(
        "First No Answer At lies in the future",
        "First No Answer At in Zoho lies in the future, so nobody can tell which day this is.",
        (_REPAIR_FIRST,),
    ),
    SkipReason.NEW_ALREADY_CALLED: Words(
        "New, but called already",
        "The status is {new}, and yet there was a call already: by the ledger, by Call Attempts or by First No Answer At.",
        (
            _SET_STATUS_THAT_FITS,
            "If nobody was ever called: empty Call Attempts and First No Answer At in Zoho.",
        ),
    ),
    SkipReason.NO_VALID_PHONE: Words(
        "no valid phone", "Neither Phone nor Mobile holds a number that may be dialled.", (_CORRECT_PHONE,)
    ),
    SkipReason.NUMBER_REFUSED: Words(
        "8x8 refuses the number",
        "8x8 said that this very number can't be dialled; it is not tried again until it is another one.",
        (_CORRECT_PHONE,),
    ),
    SkipReason.DO_NOT_CALL: Words(
        "on the do-not-call list",
        "The number stands on the do-not-call list.",
        ("Somebody who may takes it off the list (autodialer suppress --remove NUMBER).",),
    ),
    SkipReason.SAME_PHONE_AS: Words(
        "another record has the same number",
        "{other} has the same number and comes first: one person is called once.",
        ("{other} is finished, or one of the two gets another number in Zoho.",),
    ),
    SkipReason.ATTEMPTS_USED: Words(
        "all calls are used up",
        "All calls are used up: {attempts} of {total} are made.",
        ("A person takes over in Zoho: no call is made any more.",),
    ),
    SkipReason.DAY_QUOTA: Words(
        "today's calls are made",
        "All calls of this day are made.",
        ("Nothing is needed: the next day begins at {until}.",),
    ),
    SkipReason.CALLING_HOURS: Words(
        "outside of calling hours",
        "It is outside of the calling hours that the policy sets.",
        ("Nothing is needed: the hours begin at {until}.",),
    ),
    SkipReason.DEAD_LIMIT: Words(
        "would become Dead, held back",
        "It would become {dead}, but that run had made as many {dead} as one run may without a person's word.",
        ("The next run goes on; autodialer run --confirm lifts the limit.",),
    ),
    SkipReason.RECORD_GONE: Words(
        "not in Zoho any more",
        "Zoho has no such record any more: it was deleted, merged, or a lead that was converted to a contact.",
    ),
    SkipReason.RUN_STOPPED: Words(
        "the run ended before its turn", "The run ended before it was this record's turn.", (_NEXT_RUN,)
    ),
    SkipReason.NOT_SENT: Words("could not be sent", "Nothing left this machine, so nobody's phone rang.", (_NEXT_RUN,)),
}
_DEATHS: Final[Mapping[DeadReason, Words]] = {
    DeadReason.WINDOW_OVER: Words(
        "its days are over",
        "Its days are over: Day {day} since the first unanswered call. The status becomes {dead}, without a call.",
        ("A person sets another status in Zoho.",),
    ),
    DeadReason.ATTEMPTS_EXHAUSTED: Words(
        "all calls are used up",
        "All calls are used up: {attempts} of {total} are made. The status becomes {dead}.",
        ("A person sets another status in Zoho.",),
    ),
}
_OF_RUNS: Final[Mapping[str, Words]] = {
    BECOMES_DEAD: Words(
        "is becoming Dead",
        "It is to become {dead}: the update is on its way to Zoho.",
        ("A person sets the status anew in Zoho.",),
    ),
    CALLED_BY_US: Words(
        "New, but called already",
        "The status is {new}, and yet the ledger knows of a call to this person.",
        (_SET_STATUS_THAT_FITS,),
    ),
    CLOSED_UNKNOWN: Words(
        "New, but called already",
        "The status is {new}, and the one call was closed with no result known: it may have rung.",
        ("Somebody who knows how the call ended settles it (autodialer unknown).", _SET_STATUS_THAT_FITS),
    ),
    LAST_DAY: Words(
        "today's calls are made",
        "All calls of this day are made, and it was the last one that allows any.",
        (_ELSE_DEAD,),
    ),
    LAST_HOURS: Words(
        "outside of calling hours",
        "It is outside of the calling hours that the policy sets, and its days are over before they begin again.",
        (_ELSE_DEAD,),
    ),
    "unknown": Words("called, result not known", "It was called, and nobody knows how the call ended.", ()),
    "refused": Words("8x8 refused the call", "8x8 refused the call; nobody's phone rang.", (_NEXT_RUN,)),
    "not_rung": Words(
        "8x8 could not make the call", "8x8 took the call and could not make it; nobody's phone rang.", (_NEXT_RUN,)
    ),
    "unexpected": Words(
        "something unexpected came up", "Something unexpected came up in this record; the log says what.", (_NEXT_RUN,)
    ),
}
_ALL: Final[Mapping[str, Words]] = {
    **{reason.value: words for table in (_CALLS, _SKIPS, _DEATHS) for reason, words in table.items()},
    **_OF_RUNS,
}


def words_for(reason: str) -> Words:
    """What this reason means; of one that a newer or older version of the service left in the ledger, only its code."""
    return _ALL.get(reason) or Words(
        reason.replace("_", " "), "The ledger gives a reason that this version does not know."
    )


def all_words() -> Mapping[str, Words]:
    """Every reason that has words."""
    return _ALL
