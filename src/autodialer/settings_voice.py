"""The settings of 8x8's voice adapter that say how a call goes and where callbacks come from."""

from ipaddress import ip_network
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field
from pydantic_settings import NoDecode

_NUMBER = r"\+?[0-9]{3,15}"
_CALLER = r"(([A-Z]{2}|\*):\+?[1-9][0-9]{5,14})"


def _lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


def _names(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _networks(value: tuple[str, ...]) -> tuple[str, ...]:
    for text in value:
        try:
            ip_network(text, strict=False)
        except ValueError as error:
            raise ValueError(f"{text} is no address or network, such as 18.140.80.2 or 10.0.0.0/8") from error
    return value


Networks = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_names), AfterValidator(_networks)]
CallerIds = Annotated[str, Field(pattern=rf"^({_NUMBER}|{_CALLER}( *, *{_CALLER})*)$")]
Numbers = Annotated[str, Field(pattern=rf"^{_NUMBER}( *, *{_NUMBER})*$")]
Speech = Annotated[str, Field(min_length=1, max_length=3000)]


class VoiceFields(BaseModel):
    """Part of Settings."""

    eightx8_caller_id: CallerIds | None = None
    eightx8_agent_number: Numbers | None = None
    eightx8_agent_choice: Annotated[Literal["turn", "random"], BeforeValidator(_lower)] = "turn"
    eightx8_mode: Annotated[Literal["bridge", "press1"], BeforeValidator(_lower)] = "bridge"
    eightx8_callback_auth: Annotated[Literal["header", "url", "both"], BeforeValidator(_lower)] = "header"

    # EIGHTX8_MODE=press1 only
    eightx8_voice: str = "en-US-BenjaminRUS"
    eightx8_prompt: Speech = "Hello. Please press 1 to speak with one of our advisers."
    eightx8_connecting_text: Speech = "Thank you. One moment, please."
    eightx8_again_text: Speech = "Sorry, that was not understood."
    eightx8_goodbye_text: Speech = "Thank you, goodbye."
    eightx8_opt_out_digit: Annotated[str, Field(pattern=r"^[02-9*]$")] | None = None
    eightx8_opt_out_text: Speech = "You will not be called again. Goodbye."
    eightx8_speed: Annotated[float, Field(ge=0.5, le=2)] = 1.0
    eightx8_repetitions: Annotated[int, Field(ge=1, le=3)] = 1
    eightx8_tries: Annotated[int, Field(ge=1, le=3)] = 2
    eightx8_digit_timeout: Annotated[float, Field(gt=0, le=60)] = 5.0
    eightx8_overall_timeout: Annotated[float, Field(gt=0, le=300)] = 15.0
    eightx8_recording: bool = False

    # who may send callbacks
    callback_allowed_ips: Networks = ()
    trusted_proxies: Networks = ()


def voice_problems(settings: VoiceFields) -> list[str]:
    """What does not fit together."""
    if settings.eightx8_digit_timeout >= settings.eightx8_overall_timeout:
        return ["EIGHTX8_DIGIT_TIMEOUT must be below EIGHTX8_OVERALL_TIMEOUT (seconds)"]
    return []
