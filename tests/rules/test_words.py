"""No reason is without plain words, and none of these leave open what nobody fills in."""

import ast
import string
from itertools import chain
from pathlib import Path

import pytest

import autodialer
from autodialer.rules.verdict import CallReason, DeadReason, SkipReason
from autodialer.rules.words import NAMES, all_words, words_for

SERVICE = Path(autodialer.__file__).parent / "service"


def reasons_of_runs() -> set[str]:
    """What the service itself writes down as the reason of a staged record."""
    found: set[str] = set()
    for path in SERVICE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "mark":
                values = [keyword.value for keyword in node.keywords if keyword.arg == "reason"]
                found |= {str(value.value) for value in values if isinstance(value, ast.Constant)}
    return found


@pytest.mark.parametrize("reason", list(chain(SkipReason, DeadReason, CallReason)), ids=str)
def test_every_reason_of_a_verdict_has_words(reason: str) -> None:
    words = all_words()[str(reason)]
    assert words.short
    assert words.why.endswith(".")


def test_every_reason_that_a_run_writes_down_has_words() -> None:
    from autodialer.service.staging import UNEXPECTED  # noqa: PLC0415 - rules do not know it

    found = reasons_of_runs()
    assert {"unknown", "refused", "not_rung"} <= found
    assert found | {UNEXPECTED} <= all_words().keys()


def test_whoever_is_not_called_learns_what_would_change_it() -> None:
    final = {SkipReason.RECORD_GONE}
    without = {reason for reason in SkipReason if not all_words()[reason.value].change}
    assert without == final


def test_the_words_leave_open_only_what_is_filled_in() -> None:
    for words in all_words().values():
        for text in (words.why, *words.change):
            assert {name for _, name, _, _ in string.Formatter().parse(text) if name} <= NAMES
        assert "{" not in words.short


def test_a_reason_that_nobody_knows_has_words_too() -> None:
    assert words_for("of_a_later_version").short == "of a later version"
