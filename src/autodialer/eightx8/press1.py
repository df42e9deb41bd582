"""What is said to the person before an agent is called, and which keys mean what (8x8 pages "Simple IVR", "Send Callflow")."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

CONFIRM_DIGIT = "1"
_LONGEST_TEXT = 3000
_MOST = 3
_SLOWEST, _FASTEST = 0.5, 2.0
_MOST_DIGITS = 25
_VOICE = re.compile(r"[A-Za-z0-9-]{2,60}")
Action = dict[str, object]


@dataclass(frozen=True, slots=True)
class Press1:
    """Texts and limits of the question; times in seconds, `speed` 1 is normal.

    `prompt` asks to press 1. `connecting` is said when a key was pressed, `again` before another try, `goodbye` to who pressed
    another key or none. `opt_out_digit` ("" for none): who presses it is never called again, and told `opt_out_text`.
    """

    prompt: str = "Hello. Please press 1 to speak with one of our advisers."
    connecting: str = "Thank you. One moment, please."
    again: str = "Sorry, that was not understood."
    goodbye: str = "Thank you, goodbye."
    opt_out_digit: str = ""
    opt_out_text: str = "You will not be called again. Goodbye."
    voice: str = "en-US-BenjaminRUS"
    speed: float = 1.0
    repetitions: int = 1
    tries: int = 2
    min_digits: int = 1
    max_digits: int = 1
    digit_timeout: float = 5.0
    overall_timeout: float = 15.0
    recording: bool = False

    def problems(self) -> list[str]:
        """One sentence for each setting that 8x8's documented limits do not allow."""
        return [*self._texts(), *self._figures()]

    def _texts(self) -> Iterator[str]:
        texts = {
            "EIGHTX8_PROMPT": self.prompt,
            "EIGHTX8_CONNECTING_TEXT": self.connecting,
            "EIGHTX8_AGAIN_TEXT": self.again,
            "EIGHTX8_GOODBYE_TEXT": self.goodbye,
            "EIGHTX8_OPT_OUT_TEXT": self.opt_out_text,
        }
        for name, text in texts.items():
            if not text.strip():
                yield f"{name} is empty: set it to what is said."
            elif len(text) > _LONGEST_TEXT:
                yield f"{name} is too long: 8x8 says at most {_LONGEST_TEXT} characters."
        if not _VOICE.fullmatch(self.voice):
            yield "EIGHTX8_VOICE can't be right: it must be one of 8x8's voice profiles, such as en-US-BenjaminRUS."
        if self.opt_out_digit not in {"", *"023456789*"}:
            yield f"EIGHTX8_OPT_OUT_DIGIT must be one key other than {CONFIRM_DIGIT}, such as 9, or empty."

    def _figures(self) -> Iterator[str]:
        if not _SLOWEST <= self.speed <= _FASTEST:
            yield f"EIGHTX8_SPEED must lie between {_SLOWEST:g} and {_FASTEST:g}."
        for name, value in (("EIGHTX8_REPETITIONS", self.repetitions), ("EIGHTX8_TRIES", self.tries)):
            if not 1 <= value <= _MOST:
                yield f"{name} must be 1, 2 or 3."
        if not 1 <= self.min_digits <= self.max_digits <= _MOST_DIGITS:
            yield f"minDigits must not exceed maxDigits, and both lie between 1 and {_MOST_DIGITS}."
        if not 0 < self.digit_timeout < self.overall_timeout:
            yield "EIGHTX8_DIGIT_TIMEOUT must be above 0 and below EIGHTX8_OVERALL_TIMEOUT (seconds)."

    def question(self) -> Action:
        """Say the prompt and wait for a key. Every field is sent: 8x8 documents two different sets of defaults."""
        params = {
            "promptMessage": self.prompt,
            "voiceProfile": self.voice,
            "speed": self._speed(),
            "minDigits": self.min_digits,
            "maxDigits": self.max_digits,
            "digitTimeout": round(self.digit_timeout * 1000),
            "overallTimeout": round(self.overall_timeout * 1000),
            "completeOnHash": False,
            "noOfTries": self.tries,
            "successMessage": self.connecting,
            "failureMessage": self.again,
        }
        return {"action": "sayAndCapture", "params": params}

    def say(self, text: str) -> Action:
        """Say it."""
        params = {"text": text, "voiceProfile": self.voice, "repetition": self.repetitions, "speed": self._speed()}
        return {"action": "say", "params": params}

    def _speed(self) -> float | int:
        """Whole where it can be: 8x8's own schema takes it for a whole number."""
        return int(self.speed) if self.speed == int(self.speed) else self.speed
