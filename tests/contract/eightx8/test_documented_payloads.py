"""Every webhook body that 8x8's pages show: its true end, in both modes, and none other however it is varied."""

import copy
import random

import pytest

from autodialer.domain.disposition import Disposition
from autodialer.domain.errors import MalformedCallback
from autodialer.domain.result import CallEvent, CallResult, NoResult, Progress, Trouble
from autodialer.eightx8.mapping import read_callback
from autodialer.service.callbacks import read_callback as store_callback
from contract.eightx8.summaries import always
from contract.eightx8.support import NOW, documented, voice_config
from contract.eightx8.varying import damage, respelled

ANSWERED, FAILED = Disposition.ANSWERED, Disposition.FAILED
# name: whom we called (the number of the outbound leg to the person), the end, whether an agent was missing
SUMMARIES: dict[str, tuple[str, Disposition, bool]] = {
    "voice_vss_ivr_completed_two_outbound_legs_clientRequestId_v5.json": ("+6591178965", ANSWERED, False),
    "voice_vss_ivr_busy_second_leg_v5.json": ("+6591178965", ANSWERED, True),
    "voice_vss_ivr_completed_hangup_v5.json": ("+6591178965", ANSWERED, False),
    "voice_vss_numbermasking_completed.json": ("+6591178965", ANSWERED, False),
    "voice_vss_numbermasking_error_2004.json": ("+6591178965", FAILED, False),
    "voice_vss_voicemessaging_completed.json": ("+6568332048", ANSWERED, False),
    "voice_vss_voicemessaging_error_2004.json": ("+6591178965", FAILED, False),
}
PROGRESS = (
    "voice_vcs_call_received.json",
    "voice_vca_ivr_action_completed_dtmf.json",
    "voice_vca_numbermasking_call_received.json",
)
OTHERS = ("voice_vru_upload_completed.json",)
MODES = {mode: voice_config("http://127.0.0.1:9", mode=mode) for mode in ("bridge", "press1")}


def read(body: dict[str, object], number: str | None, mode: str) -> CallEvent | None:
    """None for what is malformed; whatever else is raised fails the test. What the desk refuses is answered 400, never 500."""
    try:
        store_callback(body, NOW)
        return read_callback(body, always(number), MODES[mode])
    except (MalformedCallback, UnicodeEncodeError):
        return None


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", SUMMARIES)
def test_a_documented_summary_has_its_true_end(name: str, mode: str) -> None:
    number, end, unreached = SUMMARIES[name]
    event = read(documented(name), number, mode)
    assert isinstance(event, CallResult)
    assert (event.disposition, event.agent_unreached) == (end, unreached)
    assert isinstance(event.trouble, Trouble) is ("2004" in name)
    assert event.trouble is None or not event.trouble.rang


@pytest.mark.parametrize("name", PROGRESS)
def test_a_documented_event_of_a_live_call_is_progress(name: str) -> None:
    for mode in MODES:
        event = read(documented(name), None, mode)
        assert isinstance(event, Progress)
        assert event.session_id
        assert event.sip_code == 200
        assert event.confirmed is ("dtmf" in name and mode == "press1")


@pytest.mark.parametrize("name", OTHERS)
def test_any_other_documented_event_changes_nothing(name: str) -> None:
    assert isinstance(read(documented(name), None, "press1"), NoResult)


def _vary(count: int, seed: int) -> None:
    draw = random.Random(seed)
    bodies = {name: documented(name) for name in (*SUMMARIES, *PROGRESS, *OTHERS)}
    for n in range(count):
        name, mode = draw.choice(list(bodies)), draw.choice(list(MODES))
        number, end, _ = SUMMARIES.get(name, ("+6598888888", ANSWERED, False))
        body = respelled(draw, copy.deepcopy(bodies[name]))
        if n % 2:
            for _ in range(draw.randint(1, 3)):
                damage(draw, body)
        event = read(body, number, mode)
        if name not in SUMMARIES:
            assert not isinstance(event, CallResult), body
        elif isinstance(event, CallResult):
            assert event.disposition is end, body
        else:
            assert n % 2, body
        if isinstance(event, CallResult) and event.trouble is not None:
            assert "2004" in name, body


def test_a_thousand_variations_of_what_is_documented_never_have_a_wrong_end() -> None:
    _vary(1_000, 1)


@pytest.mark.soak
def test_ten_thousand_variations_of_what_is_documented_never_have_a_wrong_end() -> None:
    for seed in range(2, 12):
        _vary(1_000, seed)
