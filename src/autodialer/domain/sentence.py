"""A sentence for people whose words are kept apart from its values, so that it can be said in another language."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Sentence:
    """English with `{names}` in it, and what they stand for; `str` puts both together, instants in UTC."""

    text: str
    values: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.said(lambda text: text, plain_value)

    def said(self, translate: Callable[[str], str], show: Callable[[object], str]) -> str:
        """In the language of `translate`, each value as `show` writes it."""
        return translate(self.text).format(**{name: show(value) for name, value in self.values.items()})


def phrase(text: str) -> str:
    """Marks the text of a Sentence that is made elsewhere, so that whoever translates finds it."""
    return text


def plain_value(value: object) -> str:
    """As English has it; what is not there is `none`."""
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    return "none" if value is None else str(value)
