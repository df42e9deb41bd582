"""TELEPHONY may be changed while phones ring: what 8x8's other product tells of those calls is read all the same."""

from autodialer.contact_center import events
from autodialer.eightx8 import mapping
from autodialer.eightx8.config import VoiceConfig
from autodialer.ports import ReadCallback


def reader_of_the_other(telephony: str, voice: VoiceConfig) -> ReadCallback:
    """For the product that `telephony`, the setting, does not name."""
    if telephony == "contact_center":
        return lambda body, number_of, _heard: mapping.read_callback(body, number_of, voice)
    return lambda body, _number_of, heard: events.read(body, heard)
