"""What the demo prints at its end can be read by somebody who knows no Python."""

from rich.console import Console

from autodialer.cli.demo.summary import PersonStory, _called_table
from autodialer.simulators.people import Person
from web.house import person


def printed(who: Person, call_attempts: int | None) -> str:
    out = Console(width=200, record=True, quiet=False, file=None)
    with out.capture() as captured:
        out.print(_called_table([PersonStory(who, "New", call_attempts, (), (), None)]))
    return captured.get()


def test_who_was_never_counted_in_zoho_is_shown_with_no_calls() -> None:
    assert "New (0)" in printed(person(1), None)
    assert "New (3)" in printed(person(1), 3)
    assert "None" not in printed(person(1), None)
