"""A replica that was cut off while the ledger was moved comes back: no callback may be taken into the ledger that nobody uses."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from autodialer.clock import SystemClock
from autodialer.domain.errors import StoreError
from autodialer.eightx8.client import VoiceTelephony
from autodialer.eightx8.config import VoiceConfig
from autodialer.eightx8.press1 import Press1
from autodialer.service.callbacks import CallbackDesk
from autodialer.service.means import Means
from autodialer.service.questions import QuestionDesk
from autodialer.service.signals import Signal
from autodialer.store.engine import Database
from autodialer.store.ledger import SqlStore
from autodialer.store.moving.move import move
from databases import Postgres
from store.made import NOW
from store.moved import fill

RESULT = {"namespace": "VOICE", "eventType": "SESSION_SUMMARY", "payload": {"sessionId": "s-9", "status": "answered"}}


# Who presses 9 is never called again.
OPT_OUT = {
    "namespace": "VOICE",
    "eventType": "CALL_ACTION",
    "payload": {"sessionId": "s-9", "eventData": {"dtmf": "9"}},
}


def asked(store: SqlStore) -> Means:
    """Of a replica in the mode press1."""
    config = VoiceConfig("key", agent_number="+40210000009", mode="press1", press1=Press1(opt_out_digit="9"))
    voice = VoiceTelephony(config, SystemClock())
    return cast(Means, SimpleNamespace(store=store, clock=SystemClock(), interviewer=voice, alone=False))


async def test_neither_result_nor_question_is_taken_by_who_has_the_old_ledger(
    postgres: Postgres, tmp_path: Path
) -> None:
    source = postgres.fresh()
    fill(source)
    move(source, f"sqlite:///{tmp_path}/home.db", NOW, lambda _: None)
    cut_off = Database(source)  # its connections are made anew, as soon as the network is back
    try:
        with pytest.raises(StoreError, match="was moved to"):
            await CallbackDesk(SqlStore(cut_off), SystemClock(), Signal(), alone=False).take(RESULT)
        with pytest.raises(StoreError, match="was moved to"):
            await QuestionDesk(asked(SqlStore(cut_off)), Signal()).answer(OPT_OUT)
    finally:
        cut_off.close()
