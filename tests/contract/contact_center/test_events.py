"""What the events of a call mean for it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from autodialer.contact_center.events import read, reduce
from autodialer.domain.disposition import Disposition
from autodialer.domain.errors import MalformedCallback
from autodialer.domain.result import CallResult, NoResult, NotDialled
from contract.contact_center.shapes import (
    ACCEPTED,
    ASSIGNED,
    CREATED,
    CUSTOMER,
    DEASSIGNED,
    GUID,
    REJECTED,
    deleted,
    event,
    last,
    read_all,
    results,
)
from contract.contact_center.support import ATTEMPT, documented

ANSWERED, NO_ANSWER, BUSY, FAILED = (Disposition(name) for name in ("answered", "no_answer", "busy", "failed"))
REASONS = {
    "CEC_DISCONNECT_NOANSWER": NO_ANSWER,
    "CEC_DISCONNECT_BUSY": BUSY,
    "CEC_DISCONNECT_REJECTED": BUSY,
    "CEC_DISCONNECT_BADADDRESS": FAILED,
    "CEC_DISCONNECT_BLOCKED": FAILED,
    "CEC_DISCONNECT_FAILED": FAILED,
    "CEC_DISCONNECT_CANCELLED": FAILED,
}
TELLS_NOTHING = [None, "CEC_NONE", "CEC_DISCONNECT_NORMAL", "CEC_SOMETHING_NEW", ""]


@pytest.mark.parametrize("before", [[], [CREATED, ASSIGNED], [CREATED, ASSIGNED, ACCEPTED]])
@pytest.mark.parametrize(("reason", "end"), REASONS.items())
def test_an_end_before_the_person_answered_has_the_documented_reason(
    reason: str, end: Disposition, before: Any
) -> None:
    found = last(*before, deleted(reason))
    assert isinstance(found, CallResult)
    assert (found.disposition, found.call_status) == (end, reason)
    assert (found.session_id, found.attempt_id) == (GUID, ATTEMPT)
    assert found.happened_at == datetime(2026, 3, 2, 10, tzinfo=UTC)


def test_the_persons_answer_is_a_result_at_once() -> None:
    (found,) = results(read_all(CREATED, ASSIGNED, ACCEPTED, CUSTOMER))
    assert isinstance(found, CallResult)
    assert (found.disposition, found.session_id, found.call_status) == (ANSWERED, GUID, "CustomerAccepted")


@pytest.mark.parametrize("reason", [*REASONS, *TELLS_NOTHING])
@pytest.mark.parametrize("more", [[], [REJECTED], [DEASSIGNED]])
def test_who_answered_has_answered_whatever_the_end_says(reason: str | None, more: Any) -> None:
    found = results(read_all(CREATED, ASSIGNED, *more, CUSTOMER, deleted(reason)))
    assert [getattr(one, "disposition", None) for one in found] == [ANSWERED, ANSWERED]


@pytest.mark.parametrize("reason", TELLS_NOTHING)
@pytest.mark.parametrize("before", [[], [CREATED, ASSIGNED], [ACCEPTED], [ASSIGNED, DEASSIGNED]])
def test_an_end_that_tells_nothing_is_no_result(reason: str | None, before: Any) -> None:
    """Normal without the person's answer: the event may have been lost, or the person hung up on nobody. Never guessed."""
    assert isinstance(last(*before, deleted(reason)), NoResult)


@pytest.mark.parametrize("reason", [None, "CEC_NONE", "CEC_DISCONNECT_NORMAL", "CEC_DISCONNECT_CANCELLED"])
@pytest.mark.parametrize(
    "before", [[REJECTED], [CREATED, ASSIGNED, REJECTED, DEASSIGNED], [REJECTED, ASSIGNED, REJECTED]]
)
def test_an_agent_who_declined_means_that_the_person_was_not_rung(reason: str | None, before: Any) -> None:
    found = last(*before, deleted(reason))
    assert isinstance(found, NotDialled)
    assert (found.session_id, found.attempt_id) == (GUID, ATTEMPT)


@pytest.mark.parametrize(
    "reason", ["CEC_DISCONNECT_NOANSWER", "CEC_DISCONNECT_BUSY", "CEC_DISCONNECT_FAILED", "CEC_NEW"]
)
def test_in_doubt_whose_phone_an_end_speaks_of_nothing_is_known(reason: str) -> None:
    assert isinstance(last(ASSIGNED, REJECTED, deleted(reason)), NoResult)


@pytest.mark.parametrize("took", [ACCEPTED, event("InteractionPostProcess"), event("InteractionEndPostProcess")])
def test_a_call_that_another_agent_took_afterwards_may_have_rung(took: Any) -> None:
    assert isinstance(last(ASSIGNED, REJECTED, took, deleted("CEC_DISCONNECT_NORMAL")), NoResult)
    busy = last(ASSIGNED, REJECTED, took, deleted("CEC_DISCONNECT_BUSY"))
    assert isinstance(busy, CallResult)


FIRST, OTHER = (event("InteractionAssigned", agentId=agent) for agent in ("ag1", "ag2"))
FIRST_DECLINED, OTHER_DECLINED = (event("InteractionRejected", agentId=agent) for agent in ("ag1", "ag2"))


@pytest.mark.parametrize("reason", ["CEC_DISCONNECT_NORMAL", "CEC_DISCONNECT_CANCELLED", None])
@pytest.mark.parametrize(
    "before",
    [
        [ASSIGNED, REJECTED, ASSIGNED],
        [FIRST, FIRST_DECLINED, OTHER],
        [FIRST, OTHER, FIRST_DECLINED],
        [FIRST, FIRST_DECLINED, FIRST],
    ],
    ids=["again", "another", "another, out of order", "the same"],
)
def test_a_call_that_was_offered_again_after_it_was_declined_may_have_rung_though_nobody_was_seen_to_take_it(
    reason: str | None, before: Any
) -> None:
    """8x8's own sequence of an unanswered call has no word of the agent's taking it."""
    assert isinstance(last(CREATED, *before, deleted(reason)), NoResult)


def at(second: int, message: Any) -> Any:
    """It happened then."""
    info = {"timestamp": 1772445600000 + 1000 * second}
    return {"Interaction": {**message["Interaction"], "msgInfo": info}}


@pytest.mark.parametrize(
    ("times", "means"), [((1, 3, 2), NoResult), ((1, 2, 3), NotDialled)], ids=["offered again", "declined at last"]
)
def test_an_offer_after_the_agent_declined_is_seen_by_its_own_time_where_it_arrived_before(
    times: tuple[int, int, int], means: type[object]
) -> None:
    arrived = [at(second, one) for second, one in zip(times, (FIRST, FIRST, FIRST_DECLINED), strict=True)]
    assert isinstance(last(*arrived, deleted("CEC_DISCONNECT_NORMAL")), means)


def test_an_offer_that_arrived_last_may_have_rung_somebody_whatever_its_time() -> None:
    arrived = [at(1, FIRST), at(5, FIRST_DECLINED), at(4, FIRST)]
    assert isinstance(last(*arrived, deleted("CEC_DISCONNECT_NORMAL")), NoResult)


def test_a_call_that_all_who_were_offered_it_declined_rang_nobody() -> None:
    before = [CREATED, FIRST, FIRST_DECLINED, OTHER, OTHER_DECLINED]
    assert isinstance(last(*before, deleted("CEC_DISCONNECT_NORMAL")), NotDialled)


@pytest.mark.parametrize("one", [CREATED, ASSIGNED, ACCEPTED, REJECTED, DEASSIGNED, event("InteractionSomethingNew")])
def test_everything_between_is_no_result_and_is_kept(one: Any) -> None:
    found = last(one)
    assert isinstance(found, NoResult)
    assert found.session_id == GUID


def test_our_id_is_found_where_an_earlier_event_carried_it() -> None:
    found = last(CREATED, deleted("CEC_DISCONNECT_BUSY", attachedData={}))
    assert isinstance(found, CallResult)
    assert found.attempt_id == ATTEMPT


@pytest.mark.parametrize(
    "data",
    [
        [
            {
                "attachedDataKey": "extTransactionData",
                "attachedDataValue": f'[{{"name":"attemptId","value":"{ATTEMPT}"}}]',
            }
        ],
        [{"attachedDataKey": "externalUserData", "attachedDataValue": {"attemptId": ATTEMPT}}],
        [None, 7, {"attachedDataKey": "CTL_USERDATA", "attachedDataValue": [ATTEMPT]}],
        {"attachedDataKey": "ctl_userdata", "attachedDataValue": ATTEMPT},
    ],
)
def test_our_id_is_found_in_any_likely_form(data: object) -> None:
    found = last(deleted("CEC_DISCONNECT_BUSY", attachedData={"attachedDatum": data}))
    assert isinstance(found, CallResult)
    assert found.attempt_id == ATTEMPT


def test_somebody_elses_data_is_not_taken_for_our_id() -> None:
    data = [{"attachedDataKey": "recordId", "attachedDataValue": ATTEMPT}]
    found = last(deleted("CEC_DISCONNECT_BUSY", attachedData={"attachedDatum": data}))
    assert isinstance(found, CallResult)
    assert found.attempt_id is None


def test_names_and_numbers_of_customers_are_not_kept() -> None:
    body = reduce(deleted("CEC_DISCONNECT_BUSY", callingName="Andrew Cunningh", customerPhone=40709000001))
    assert body is not None
    assert "Andrew" not in str(body)
    assert "40709000001" not in str(body)


@pytest.mark.parametrize(
    "message",
    [
        None,
        [],
        "x",
        {},
        {"Interaction": None},
        {"Interaction": {}},
        {"Agent": {"event": "x"}},
        {"eventId": "evt_123456", "eventType": "agent.login"},
        event(""),
        event("x" * 61),
        event("InteractionDeleted", interactionGUID=None),
        event("InteractionDeleted", interactionGUID=7),
        event("InteractionDeleted", interactionGUID="x" * 121),
        event("InteractionDeleted", mediaType="chat"),
        event("InteractionDeleted", mediaType="email"),
        event("InteractionCreated", direction="in"),
    ],
)
def test_what_can_be_no_phone_call_of_ours_is_not_kept(message: object) -> None:
    assert reduce(message) is None


@pytest.mark.parametrize(
    ("stamps", "year"),
    [
        ({"msgInfo": {"timestamp": 1772445600000}}, 2026),
        ({"msgInfo": {"timestamp": "1772445600000"}}, 2026),
        ({"msgInfo": {}, "interactionEventTS": 1744819218}, 2025),
        ({"msgInfo": None, "eventTS": "1744819092"}, 2025),
        ({"msgInfo": {"timestamp": 10**30}}, None),
        ({"msgInfo": {"timestamp": 10**400}}, None),
        ({"msgInfo": {"timestamp": -5}}, None),
        ({"msgInfo": {"timestamp": True}}, None),
        ({"msgInfo": "soon"}, None),
    ],
)
def test_the_time_is_read_in_seconds_or_milliseconds_or_left_out(stamps: dict[str, Any], year: int | None) -> None:
    found = last(deleted("CEC_DISCONNECT_BUSY", **stamps))
    assert isinstance(found, CallResult)
    assert (found.happened_at.year if found.happened_at else None) == year


DOCUMENTED = {
    "stream_interaction_created.json": NoResult,
    "stream_interaction_assigned_outbound_campaign.json": NoResult,
    "stream_interaction_rejected.json": NoResult,
    "stream_interaction_deleted_normal.json": NoResult,
}


@pytest.mark.parametrize(("name", "kind"), DOCUMENTED.items())
def test_the_documented_events_are_kept_and_read(name: str, kind: type) -> None:
    message = documented(name)
    found = last(message)
    assert isinstance(found, kind)
    assert found.session_id == message["Interaction"]["interactionGUID"]


def test_the_documented_end_is_an_answer_only_if_the_person_was_heard_to_answer() -> None:
    message = documented("stream_interaction_deleted_normal.json")
    guid = message["Interaction"]["interactionGUID"]
    found = last(event("InteractionCustomerAccepted", interactionGUID=guid), message)
    assert isinstance(found, CallResult)
    assert found.disposition is ANSWERED


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"namespace": "VOICE", "eventType": "InteractionDeleted", "payload": {"sessionId": "s"}},
        {"namespace": "CONTACT_CENTER", "eventType": "InteractionDeleted"},
        {"namespace": "CONTACT_CENTER", "eventType": 7, "payload": {"sessionId": "s"}},
        {"namespace": "CONTACT_CENTER", "eventType": "InteractionDeleted", "payload": {"sessionId": 7}},
    ],
)
def test_what_was_not_kept_by_us_is_malformed(body: dict[str, object]) -> None:
    with pytest.raises(MalformedCallback):
        read(body, lambda _: [])
