"""Callbacks with which 8x8 asks what to do next: stored durably with the answer, which is the same when they come again."""

import hashlib
import json
from collections.abc import Mapping

import msgspec

from autodialer.domain.errors import StoreError
from autodialer.ports.ledger import Ledger
from autodialer.ports.questions import Question
from autodialer.ports.rows import Arrival, AttemptRow, InboxRow
from autodialer.service.callbacks import PROVIDER, read_callback
from autodialer.service.holding import unusable
from autodialer.service.known_attempts import is_live, live_call_to
from autodialer.service.means import Means
from autodialer.service.signals import Signal

_OURS = "autodialer"  # where our answer stands in the stored callback


class QuestionDesk:
    """Answers at once; what the callback tells is applied like any other's."""

    def __init__(self, means: Means, arrived: Signal) -> None:
        self._m = means
        self._arrived = arrived

    def is_question(self, body: Mapping[str, object]) -> bool:
        """Whether it wants more than to be taken."""
        return self._m.interviewer is not None and self._m.interviewer.question_in(body) is not None

    async def answer(self, body: Mapping[str, object]) -> Mapping[str, object] | None:
        """The answer; None for a callback that asks nothing. MalformedCallback; StoreError: not stored, nothing is answered."""
        question = self._m.interviewer.question_in(body) if self._m.interviewer is not None else None
        if question is None:
            return None
        arrival = read_callback(body, self._m.clock.now())
        told = await self._m.store.write(lambda ledger: self._tell(ledger, question, body, arrival))
        self._arrived.notify()
        return told

    def _tell(
        self, ledger: Ledger, question: Question, body: Mapping[str, object], arrival: Arrival
    ) -> Mapping[str, object]:
        if not self._m.alone and (why := unusable(ledger)) is not None:
            raise StoreError(why, permanent=False)  # whoever has the ledger now answers when 8x8 asks again
        key = hashlib.sha256(f"question\x1f{question.identity}".encode("utf-8", "surrogatepass")).hexdigest()
        before = ledger.inbox.find(key)
        call = None if before is not None else _live_call(ledger, question)
        connected = any(_told(row).get("connects") for row in _of_session(ledger, question))
        told = question.answer(call.attempt_id if call is not None else None, connected=connected)
        added = ledger.inbox.add(
            dedupe_key=key,
            source=PROVIDER,
            event_type=arrival.event_type,
            session_id=arrival.session_id,
            body=msgspec.json.encode({**body, _OURS: {"answer": told.body, "connects": told.connects}}).decode(),
            at=arrival.received_at,
        )
        stands = None if added else ledger.inbox.find(key)
        answer = _told(stands).get("answer") if stands is not None else told.body
        return answer if isinstance(answer, Mapping) else told.body


def _live_call(ledger: Ledger, question: Question) -> AttemptRow | None:
    """By session; by our own id; or the one call to this number whose session nobody knows yet."""
    call = ledger.attempts.find_session(question.session_id) if question.session_id is not None else None
    if call is None and question.attempt_id is not None:
        call = ledger.attempts.row(question.attempt_id)
    call = call or live_call_to(ledger, question.number)
    if call is None or not is_live(call) or call.session_id not in (None, question.session_id):
        return None
    return call


def _of_session(ledger: Ledger, question: Question) -> list[InboxRow]:
    return list(ledger.inbox.of_session(question.session_id)) if question.session_id is not None else []


def _told(row: InboxRow) -> Mapping[str, object]:
    told = json.loads(row.body).get(_OURS)
    return told if isinstance(told, dict) else {}
