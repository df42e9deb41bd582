"""A replica that was cut off while the ledger was moved comes back: no callback may be taken into the ledger that nobody uses."""

from pathlib import Path

import pytest

from autodialer.clock import SystemClock
from autodialer.domain.errors import StoreError
from autodialer.service.callbacks import CallbackDesk
from autodialer.service.signals import Signal
from autodialer.store.engine import Database
from autodialer.store.ledger import SqlStore
from autodialer.store.moving.move import move
from databases import Postgres
from store.made import NOW
from store.moved import fill

RESULT = {"namespace": "VOICE", "eventType": "SESSION_SUMMARY", "payload": {"sessionId": "s-9", "status": "answered"}}


async def test_a_result_is_not_acknowledged_by_who_has_the_old_ledger(postgres: Postgres, tmp_path: Path) -> None:
    source = postgres.fresh()
    fill(source)
    move(source, f"sqlite:///{tmp_path}/home.db", NOW, lambda _: None)
    cut_off = Database(source)  # its connections are made anew, as soon as the network is back
    try:
        with pytest.raises(StoreError, match="was moved to"):
            await CallbackDesk(SqlStore(cut_off), SystemClock(), Signal(), alone=False).take(RESULT)
    finally:
        cut_off.close()
