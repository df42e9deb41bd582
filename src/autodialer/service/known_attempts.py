"""Which call of ours a callback tells of."""

import json
from collections.abc import Mapping, Sequence

from autodialer.domain.attempt import AttemptState
from autodialer.domain.result import CallResult, NotDialled, Progress
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import AttemptRow
from autodialer.service.callbacks import PROVIDER

_LIVE = (AttemptState.SUBMITTING, AttemptState.PLACED, AttemptState.UNKNOWN)


def is_live(row: AttemptRow) -> bool:
    """Whether the call may be going on."""
    return row.state in _LIVE


def live_call_to(ledger: Ledger, number: str | None) -> AttemptRow | None:
    """The one call to this number whose session nobody knows yet."""
    theirs = ledger.attempts.of_people([], [number]) if number is not None else []
    return next((row for row in theirs if is_live(row) and row.session_id is None), None)


class KnownAttempts:
    """Attempts as one callback names them, by session or by our own id; each is looked up once."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._of_session: dict[str, AttemptRow | None] = {}

    def attempt_of(self, result: CallResult | NotDialled | Progress) -> AttemptRow | None:
        """By session, then by our own id."""
        if result.session_id is not None and (attempt := self._session(result.session_id)) is not None:
            return attempt
        return self._ledger.attempts.row(result.attempt_id) if result.attempt_id is not None else None

    def number_of(self, identity: str) -> str | None:
        """Whom we called."""
        attempt = self._session(identity) or self._ledger.attempts.row(identity)
        return attempt.number if attempt is not None else None

    def heard(self, session_id: str) -> Sequence[Mapping[str, object]]:
        """What came under this session so far."""
        return [json.loads(row.body) for row in self._ledger.inbox.of_session(session_id) if row.source == PROVIDER]

    def _session(self, session_id: str) -> AttemptRow | None:
        if session_id not in self._of_session:
            self._of_session[session_id] = self._ledger.attempts.find_session(session_id)
        return self._of_session[session_id]
