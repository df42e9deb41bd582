"""A provider that asks, in the middle of a call, what to do next."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Told:
    """The answer. `connects`: it has an agent called."""

    body: Mapping[str, object]
    connects: bool = False


class Question(Protocol):
    """One question. `identity` is the same when it is asked again; `number` (E.164) is the person's, None if it names none."""

    @property
    def identity(self) -> str: ...
    @property
    def session_id(self) -> str | None: ...
    @property
    def attempt_id(self) -> str | None: ...
    @property
    def number(self) -> str | None: ...

    def answer(self, attempt_id: str | None, *, connected: bool) -> Told:
        """What to do next. `attempt_id`: our live call that it is about, None if there is none.

        `connected`: an agent was called for it already; none is called again.
        """
        ...


class Interviewer(Protocol):
    """The provider's adapter, where calls are confirmed by a key."""

    def question_in(self, body: Mapping[str, object]) -> Question | None:
        """The question in a callback; None when a plain 200 is enough."""
        ...
