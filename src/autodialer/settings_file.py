"""What stands in `.env`, or in the environment, and would be passed over without a word."""

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from dotenv.parser import Binding, parse_stream

from autodialer.domain.errors import SettingsError
from autodialer.rules.policy import Policy

_FILE: Final = Path(".env")
_ALIKE: Final = 0.8
_OF_THE_POLICY: Final = frozenset({"CALLING_HOURS", *(field.name.upper() for field in fields(Policy))})


def lines_not_understood() -> list[str]:
    """One sentence each, which never shows the line: it may hold a secret. SettingsError when `.env` can't be read."""
    return [
        f".env, line {_line(binding)} is not understood: write NAME=value, and close each quotation mark"
        for binding in _bindings()
        if binding.error or (binding.key is not None and binding.value is None)
    ]


def names_without_effect(known: Iterable[str]) -> list[str]:
    """Names that resemble one of the `known` settings, or mean a rule; and those that `.env` sets to more than one value."""
    settings = {name.upper() for name in known}
    bindings: list[Binding] = []
    with suppress(SettingsError):  # only `demo` comes so far without having read it
        bindings = [binding for binding in _bindings() if binding.key is not None]
    names = dict.fromkeys([*(str(binding.key).upper() for binding in bindings), *map(str.upper, os.environ)])
    remarks = [remark for name in names if name not in settings for remark in _mistaken(name, settings)]
    values: dict[str, list[str]] = {}
    for binding in bindings:
        before = values.setdefault(str(binding.key).upper(), [])
        if before or binding.value:  # an empty line of .env.example that is followed by another one was not meant
            before.append(binding.value or "")
    doubled = [name for name, given in values.items() if name in settings and len(set(given)) > 1]
    return remarks + [f"{name} is set to different values in .env: the last one counts" for name in doubled]


def _mistaken(name: str, settings: Iterable[str]) -> list[str]:
    if name in _OF_THE_POLICY:
        return [f"{name} has no effect as a variable: it belongs into the file that POLICY_FILE names (docs/rules.md)"]
    alike = get_close_matches(name, settings, 1, _ALIKE)
    return [f"{name} is no setting and has no effect: is {alike[0]} meant?"] if alike else []


def _bindings() -> list[Binding]:
    if not _FILE.is_file():
        return []
    try:
        with _FILE.open(encoding="utf-8") as stream:
            return list(parse_stream(stream))
    except UnicodeDecodeError as error:
        raise SettingsError([".env is no UTF-8 text: save it as UTF-8 (Notepad: Save as, Encoding)"]) from error
    except OSError as error:
        reason = error.strerror or "unknown reason"
        raise SettingsError([f".env can't be read ({reason}): does it belong to the user that runs this?"]) from error


def _line(binding: Binding) -> int:
    """Blank lines before it count as its own."""
    text = binding.original.string
    return binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")
