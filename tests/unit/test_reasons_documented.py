"""Whatever reason a run or `explain` shows stands in docs/rules.md."""

from pathlib import Path

from autodialer.rules.verdict import DeadReason, SkipReason

RULES = Path(__file__).resolve().parents[2] / "docs" / "rules.md"


def test_each_reason_is_in_the_table_of_the_rules_or_below_it() -> None:
    told = RULES.read_text(encoding="utf-8")
    assert [reason.value for reason in (*SkipReason, *DeadReason) if f"`{reason.value}`" not in told] == []
