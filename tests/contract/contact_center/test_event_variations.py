"""However the events of a call are spelled, ordered, doubled, lost or damaged: nothing is raised, and no end is wrong."""

import random
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autodialer.contact_center.events import ENDS, read, reduce
from autodialer.contact_center.stream import read_frame
from autodialer.domain.disposition import Disposition
from autodialer.domain.errors import MalformedCallback
from autodialer.domain.result import CallResult, NoResult, NotDialled
from contract.contact_center.shapes import GUID, deleted, event, read_all, results
from contract.contact_center.support import ATTEMPT

JUNK: tuple[Any, ...] = (None, "", "x", -7, 3.5, True, [], {}, [1], {"a": 1}, 10**30, "\x00", "CEC_NONE")
TALK = ["InteractionCustomerAccepted", "InteractionPostProcess", "InteractionEndPostProcess"]


def spelled(draw: random.Random, word: str) -> str:
    return draw.choice((word, word.lower(), word.upper(), f" {word} "))


def told(draw: random.Random) -> tuple[list[dict[str, Any]], object]:
    """The events of a call in 8x8's order, and the true end: a disposition, "not dialled", or None for one that isn't told."""
    kind = draw.choice(("answered", "unanswered", "declined", "silent"))
    begin = ["InteractionCreated", "InteractionAssigned"]
    if kind == "answered":
        reason = draw.choice(("CEC_DISCONNECT_NORMAL", "CEC_NONE", *ENDS))
        return _events(
            draw, [*begin, "InteractionAccepted", *TALK, "InteractionDeassigned"], reason
        ), Disposition.ANSWERED
    if kind == "declined":
        reason = draw.choice(("CEC_DISCONNECT_NORMAL", "CEC_NONE", "CEC_DISCONNECT_CANCELLED"))
        return _events(draw, [*begin, "InteractionRejected", "InteractionDeassigned"], reason), "not dialled"
    if kind == "silent":
        return _events(draw, [*begin, "InteractionAccepted"], draw.choice(("CEC_DISCONNECT_NORMAL", "CEC_NONE"))), None
    reason = draw.choice(list(ENDS))
    between = draw.choice(([], ["InteractionAccepted"], ["InteractionAccepted", "InteractionDeassigned"]))
    return _events(draw, [*begin, *between], reason), ENDS[reason][0]


def _events(draw: random.Random, names: list[str], reason: str) -> list[dict[str, Any]]:
    made = [event(spelled(draw, name), sequence=number) for number, name in enumerate(names)]
    loose = {"isOutboundCall": draw.choice((True, "true")), "direction": draw.choice(("out", "OUT", None))}
    return [*made, deleted(spelled(draw, reason), **loose)]


def end_of(messages: list[Any]) -> object:
    """What the service would make of them: the first end stands, but answered wins; not dialled only of an open call."""
    found = results(read_all(*messages))
    ends = [one.disposition for one in found if isinstance(one, CallResult)]
    if Disposition.ANSWERED in ends:
        return Disposition.ANSWERED
    if ends:
        return ends[0]
    return "not dialled" if found else None


def _all_spellings(count: int) -> None:
    draw = random.Random(8)
    for _ in range(count):
        messages, truth = told(draw)
        assert end_of(messages) == truth, messages
        assert all(one.attempt_id == ATTEMPT for one in results(read_all(*messages)))
        doubled = [one for one in messages for _ in range(draw.randint(1, 3))]
        assert end_of(doubled) == truth, messages


def _all_losses(count: int) -> None:
    """Without some of its events, or in another order, a call has its true end or none, but for two that are said here."""
    draw = random.Random(88)
    ends = {True: 0, False: 0}
    for _ in range(count):
        messages, truth = told(draw)
        left = [one for one in messages if draw.random() < 0.7]
        if draw.random() < 0.5:
            draw.shuffle(left)
        found = end_of(left)
        if truth is Disposition.ANSWERED and found is not Disposition.ANSWERED:
            # The person's answer was lost, and the end claims something else: what 8x8 says is believed.
            assert found in {None, *(end for end, _ in ENDS.values())}
        elif truth == "not dialled":
            # The agent's refusal was lost, and CANCELLED stands alone.
            assert found in {"not dialled", None, Disposition.FAILED}
        else:
            assert found in {truth, None}, left
        ends[found is None] += 1
    assert min(ends.values()) > count // 10


def _all_damages(count: int) -> None:
    draw = random.Random(888)
    for _ in range(count):
        messages, truth = told(draw)
        for _ in range(draw.randint(1, 4)):
            inner = draw.choice(messages)["Interaction"]
            key = draw.choice(list(inner))
            inner[key] = draw.choice(JUNK)
        found = end_of(messages)
        allowed = {truth, None, Disposition.FAILED} if truth == "not dialled" else {truth, None}
        if truth is Disposition.ANSWERED:
            allowed |= {end for end, _ in ENDS.values()}  # as above: the answer itself may be what was damaged
        assert found in allowed, messages


@pytest.mark.parametrize("variations", [_all_spellings, _all_losses, _all_damages])
def test_two_hundred_variations_have_the_true_end_or_none(variations: Any) -> None:
    variations(200)


@pytest.mark.soak
@pytest.mark.parametrize("variations", [_all_spellings, _all_losses, _all_damages])
def test_twenty_thousand_variations_have_the_true_end_or_none(variations: Any) -> None:
    variations(20_000)


WORDS = st.sampled_from(
    ["InteractionDeleted", "InteractionCustomerAccepted", "InteractionRejected", GUID, *ENDS, "phone", "out"]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = [
    "event",
    "interactionGUID",
    "callHangupReason",
    "mediaType",
    "direction",
    "attachedData",
    "msgInfo",
    "eventTS",
    "agentId",
]
MESSAGE = st.fixed_dictionaries({"Interaction": st.dictionaries(st.sampled_from(FIELDS), WORDS | ANYTHING)}) | ANYTHING
BODY = st.dictionaries(
    st.sampled_from(["namespace", "eventType", "payload"]), WORDS | ANYTHING | st.just("CONTACT_CENTER")
)


def _nothing_is_raised(message: object, body: dict[str, object], frame: str | bytes) -> None:
    kept = reduce(message)
    if kept is not None:
        found = read(kept, lambda _: [kept])
        assert isinstance(found, CallResult | NoResult | NotDialled)
        assert not isinstance(found, CallResult) or found.session_id
    with suppress(MalformedCallback):
        assert isinstance(read(body, lambda _: [body]), CallResult | NoResult | NotDialled)
    message_id, carried = read_frame(frame)
    assert message_id is not None or carried is None


@settings(max_examples=60, deadline=None)
@given(message=MESSAGE, body=BODY, frame=st.text() | st.binary())
def test_no_message_at_all_raises_anything_but_malformed_callback(
    message: object, body: dict[str, object], frame: str | bytes
) -> None:
    _nothing_is_raised(message, body, frame)


@pytest.mark.soak
@settings(max_examples=10_000, deadline=None)
@given(message=MESSAGE, body=BODY, frame=st.text() | st.binary())
def test_ten_thousand_messages_raise_nothing_but_malformed_callback(
    message: object, body: dict[str, object], frame: str | bytes
) -> None:
    _nothing_is_raised(message, body, frame)
