"""However a summary is spelled, ordered or damaged, it never raises anything else and never gives a wrong end."""

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from autodialer.domain.disposition import Disposition
from autodialer.domain.errors import MalformedCallback
from autodialer.domain.result import CallEvent, CallResult, NoResult, Progress
from contract.eightx8.summaries import leg, read, result, vss
from contract.eightx8.support import AGENT, LEAD

TRUTH = {
    "COMPLETED": Disposition.ANSWERED,
    "NO_ANSWER": Disposition.NO_ANSWER,
    "BUSY": Disposition.BUSY,
    "FAILED": Disposition.FAILED,
    "CANCELED": Disposition.FAILED,
    "ERROR": Disposition.FAILED,
}
JUNK: tuple[Any, ...] = (None, "", "x", "VOICE", -7, 3.5, True, [], {}, [1], {"a": 1}, 10**30, "\x00", "2026-02-30")
VARIATIONS = 10_000


def spelled(draw: random.Random, word: str) -> str:
    word = word.replace("_", draw.choice("_ -"))
    word = word.replace("CANCELED", draw.choice(("CANCELED", "CANCELLED")))
    return draw.choice((word, word.lower(), word.title(), f" {word} "))


def written(draw: random.Random, number: str) -> str:
    return draw.choice((number, number[1:], f"00{number[1:]}", f"{number[:3]} {number[3:6]}-{number[6:]}"))


def varied(draw: random.Random) -> tuple[dict[str, Any], str, str | None]:
    """A summary in any documented or likely spelling; the true statuses of the person's and the agent's leg."""
    lead, agent = draw.choice(list(TRUTH)), draw.choice([None, *TRUTH])
    legs = [leg(written(draw, LEAD), spelled(draw, lead), extra=draw.random())]
    if agent is not None:
        legs.append(leg(written(draw, AGENT), spelled(draw, agent)))
    keys = ["callA", "callB"]
    if draw.random() < 0.5:
        draw.shuffle(keys)
    entries = [(draw.choice((k, k.lower(), k.upper(), k.title())), v) for k, v in zip(keys, legs, strict=False)]
    draw.shuffle(entries)
    body = vss(spelled(draw, agent or lead), dict(entries), unheard={"of": [1]})
    if draw.random() < 0.5:
        del body["version"]
    if draw.random() < 0.3:
        del body["payload"]["clientRequestId"]
    return {**body, "more": draw.random()}, lead, agent


def damaged(draw: random.Random, body: dict[str, Any]) -> None:
    """Replaces or removes some values, at any depth."""
    for _ in range(draw.randint(1, 3)):
        node: Any = body
        while True:
            key = draw.choice(list(node))
            if isinstance(node[key], dict) and node[key] and draw.random() < 0.85:
                node = node[key]
                continue
            if draw.random() < 0.3 and len(node) > 1:
                del node[key]
            else:
                node[key] = draw.choice(JUNK)
            break


def read_or_problems(body: dict[str, Any], number: str | None) -> CallEvent | list[str]:
    """The event, or the problems of a MalformedCallback; nothing else may be raised."""
    try:
        return read(body, number)
    except MalformedCallback as error:
        return error.problems


def test_ten_thousand_spellings_of_the_same_summary_have_the_same_end() -> None:
    draw = random.Random(8)
    for _ in range(VARIATIONS):
        body, lead, agent = varied(draw)
        event = result(body)
        assert event.disposition is TRUTH[lead], body
        assert event.agent_unreached is (lead == "COMPLETED" and agent not in {None, "COMPLETED"}), body


def test_ten_thousand_damaged_summaries_have_the_true_end_or_none() -> None:
    draw = random.Random(88)
    seen: dict[str, int] = {}
    for _ in range(VARIATIONS):
        body, lead, _agent = varied(draw)
        damaged(draw, body)
        event = read_or_problems(body, LEAD)
        seen[type(event).__name__] = seen.get(type(event).__name__, 0) + 1
        assert event, body
        if isinstance(event, CallResult):
            assert event.disposition is TRUTH[lead], body
    assert set(seen) == {"list", "CallResult", "NoResult"}
    assert min(seen.values()) > VARIATIONS // 50


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(list(TRUTH)),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5) | st.sampled_from(["callA", "CallB", "callStatus"]), inner, max_size=4)
    ),
    max_leaves=10,
)


def shaped(**known: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional={name: value | ANYTHING for name, value in known.items()})


LEG = shaped(
    callDirection=st.sampled_from(["OUTBOUND", "INBOUND"]),
    destination=st.sampled_from([LEAD, AGENT]),
    callStatus=st.sampled_from([*TRUTH, "ODD"]),
    callDuration=st.integers(),
    disconnectedTimestamp=st.datetimes().map(str),
)
BODY = shaped(
    namespace=st.just("VOICE"),
    eventType=st.sampled_from(["SESSION_SUMMARY", "CALL_STATUS", "CALL_ACTION"]),
    payload=shaped(
        sessionId=st.text(),
        clientRequestId=st.text(),
        sessionStatus=st.sampled_from([*TRUTH, "UNSUBSCRIBED_CONTACT"]),
        callCount=st.integers(-1, 3),
        endTime=st.datetimes().map(str),
        errorDetails=shaped(errorMsg=st.text(), errorCode=st.integers()),
        details=st.dictionaries(st.sampled_from(["callA", "CallA", "callB", "callC"]), LEG | ANYTHING, max_size=3),
    ),
)


@settings(max_examples=300, deadline=None)
@given(
    body=BODY | st.dictionaries(st.text(), ANYTHING, max_size=4), number=st.sampled_from([LEAD, AGENT, None, "", "x"])
)
def test_no_body_at_all_raises_anything_but_malformed_callback(body: dict[str, Any], number: str | None) -> None:
    event = read_or_problems(body, number)
    assert event
    assert isinstance(event, CallResult | NoResult | Progress | list)
    if isinstance(event, CallResult):
        assert event.disposition is not Disposition.UNKNOWN
        assert event.session_id or event.attempt_id
        assert event.happened_at is None or event.happened_at.tzinfo is not None
        assert event.duration_seconds is None or event.duration_seconds >= 0
