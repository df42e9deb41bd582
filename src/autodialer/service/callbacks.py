"""Takes callbacks: read and stored durably before they are answered. What they mean is decided by results.py."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from autodialer.domain.disposition import Disposition
from autodialer.domain.errors import MalformedCallback
from autodialer.domain.record import RecordKey, RecordType
from autodialer.domain.result import CallResult
from autodialer.ports import Clock
from autodialer.ports.ledger import Store
from autodialer.rules.reading import read_instant
from autodialer.service.signals import Signal

MISSION = "mission"
PROVIDER = "provider"
_ID_DIGITS = 20
_LONGEST_CALL_ID = 120
_STATUSES = ("answered", "no_answer", "busy", "failed")


@dataclass(frozen=True, slots=True)
class Callback:
    """One callback, checked. `body` is what is stored."""

    source: str
    event_type: str
    session_id: str | None
    dedupe_key: str
    body: str


class CallbackDesk:
    """Where callbacks come in."""

    def __init__(self, store: Store, clock: Clock, arrived: Signal) -> None:
        self._store = store
        self._clock = clock
        self._arrived = arrived

    async def take(self, body: Mapping[str, object]) -> bool:
        """Store it; returns when that is durable. False for one that stands already.

        MalformedCallback names every problem; StoreError: not stored, the sender should try again.
        """
        callback = read_callback(body)
        now = self._clock.now()
        fresh = await self._store.write(
            lambda ledger: ledger.inbox.add(
                dedupe_key=callback.dedupe_key,
                source=callback.source,
                event_type=callback.event_type,
                session_id=callback.session_id,
                body=callback.body,
                at=now,
            )
        )
        self._arrived.notify()
        return fresh


def read_callback(body: Mapping[str, object]) -> Callback:
    """Tell the two formats apart and check what can be checked without the ledger."""
    text = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    if "namespace" in body or "eventType" in body:
        return _provider_callback(body, text)
    result = read_mission_result(body)
    identity = [str(result.key), result.disposition, result.session_id or "", str(body.get("timestamp") or "")]
    return Callback(MISSION, "result", result.session_id, _digest(MISSION, *identity), text)


def _provider_callback(body: Mapping[str, object], text: str) -> Callback:
    problems = [
        f"{name} must be a text of 1 to 60 characters"
        for name in ("namespace", "eventType")
        if not isinstance(body.get(name), str) or not 1 <= len(str(body.get(name))) <= 60  # noqa: PLR2004 - said in the text
    ]
    payload = body.get("payload")
    if not isinstance(payload, Mapping):
        problems.append("payload must be an object")
    if problems:
        raise MalformedCallback(problems)
    session = payload.get("sessionId") if isinstance(payload, Mapping) else None
    session_id = session if isinstance(session, str) and 0 < len(session) <= _LONGEST_CALL_ID else None
    return Callback(PROVIDER, str(body["eventType"]), session_id, _digest(PROVIDER, text), text)


def read_mission_result(body: Mapping[str, object]) -> CallResult:
    """Our own format: zoho_id, record_type, call_status, timestamp?, call_id?. MalformedCallback names every problem."""
    problems: list[str] = []
    zoho_id = body.get("zoho_id")
    if isinstance(zoho_id, int) and not isinstance(zoho_id, bool):
        zoho_id = str(zoho_id)
    if not isinstance(zoho_id, str) or not (zoho_id.isascii() and zoho_id.isdigit() and len(zoho_id) <= _ID_DIGITS):
        problems.append("zoho_id must be Zoho's record id, 1 to 20 digits")
    record_type = body.get("record_type")
    if record_type not in tuple(RecordType):
        problems.append("record_type must be Lead or Contact")
    status = body.get("call_status")
    if status not in _STATUSES:
        problems.append(f"call_status must be one of {', '.join(_STATUSES)}")
    call_id = body.get("call_id")
    if call_id is not None and not (isinstance(call_id, str) and 0 < len(call_id) <= _LONGEST_CALL_ID):
        problems.append(f"call_id must be a text of 1 to {_LONGEST_CALL_ID} characters")
    happened_at = _timestamp(body.get("timestamp"), problems)
    if problems:
        raise MalformedCallback(problems)
    return CallResult(
        disposition=Disposition(str(status)),
        call_status=str(status),
        session_id=str(call_id) if call_id is not None else None,
        key=RecordKey(RecordType(str(record_type)), str(zoho_id)),
        happened_at=happened_at,
    )


def _timestamp(value: object, problems: list[str]) -> datetime | None:
    if value is None:
        return None
    moment = read_instant(value, UTC) if isinstance(value, str) else value
    if not isinstance(moment, datetime):
        problems.append("timestamp must be an ISO 8601 instant such as 2026-01-13T08:26:58.000Z")
        return None
    return moment


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
