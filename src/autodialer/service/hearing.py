"""What was heard of a call while it went on, and what it adds to the summary that ends it."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from autodialer.domain.disposition import Disposition
from autodialer.domain.errors import MalformedCallback
from autodialer.domain.result import UNCONFIRMED, CallEvent, CallResult, Progress
from autodialer.ports import Heard
from autodialer.ports.ledger import Ledger
from autodialer.rules.policy import Policy
from autodialer.service.callbacks import PROVIDER
from autodialer.service.means import Means

_FINAL = 200  # SIP codes below are progress


def read_event(
    means: Means, body: Mapping[str, object], number_of: Callable[[str], str | None], heard: Heard
) -> CallEvent:
    """What a callback of the provider says. MalformedCallback."""
    try:
        return means.telephony.read_callback(body, number_of, heard)
    except MalformedCallback:
        if means.read_other is not None:
            with suppress(MalformedCallback):
                return means.read_other(body, number_of, heard)
        raise


def heard_of(ledger: Ledger, means: Means, session_id: str | None, but: int | None = None) -> list[Progress]:
    """What the provider told of this session, in the order in which it came. `but`: the callback that is read already."""
    if session_id is None:
        return []
    rows = ledger.inbox.of_session(session_id)
    events = [_read(means, row.body) for row in rows if row.source == PROVIDER and row.inbox_id != but]
    return [event for event in events if event is not None]


def _read(means: Means, body: str) -> Progress | None:
    try:
        event = read_event(means, json.loads(body), lambda _known: None, lambda _session: [])
    except MalformedCallback:
        return None
    return event if isinstance(event, Progress) else None


def completed(result: CallResult, heard: Sequence[Progress], number: str | None, policy: Policy) -> CallResult:
    """`result` with what was heard of the person's own leg; then the policy says what an unconfirmed call is."""
    theirs = [event for event in heard if event.number in (None, number)]
    picked_up = any(event.picked_up for event in theirs)
    pressed = any(event.confirmed for event in theirs)
    opted_out = result.do_not_call or any(event.do_not_call for event in theirs)
    if picked_up and result.trouble is not None:
        # The session broke while the person was on the line: whatever the code, their phone rang.
        result = replace(result, trouble=replace(result.trouble, rang=True))
        if result.confirmed is not None:
            result = replace(result, disposition=Disposition.ANSWERED)
    if pressed and result.confirmed is False:
        result = replace(result, confirmed=True, agent_unreached=True)
    codes = [event.sip_code for event in theirs if event.sip_code is not None]
    final = [code for code in codes if code >= _FINAL] or codes
    result = replace(result, do_not_call=opted_out, reason=_joined(result.reason, f"SIP {final[-1]}" if final else ""))
    if result.disposition is Disposition.ANSWERED and result.confirmed is False and not opted_out:
        reason = _joined(f"{UNCONFIRMED}: voicemail, or no interest", result.reason)
        return replace(result, disposition=Disposition(policy.unconfirmed), reason=reason)
    return result


def _joined(*words: str) -> str:
    return ", ".join(filter(None, words))
