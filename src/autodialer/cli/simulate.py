"""simulate and diff: policies on days that never happen.

Not to be confused with `simulator`, a simulated Zoho and 8x8 to dial in trials.
"""

import sys
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autodialer.cli.common import Json, console, print_json, run_async
from autodialer.cli.simulated import Lived, show, show_changes, show_days
from autodialer.csv_text import csv_line
from autodialer.domain.errors import DialerError
from autodialer.service.simulation.desk import MOST_DAYS, Question, SimulationDesk
from autodialer.service.simulation.diff import differences
from autodialer.service.simulation.telling import (
    DIFF_COLUMNS,
    LOG_COLUMNS,
    change_fields,
    diff_cells,
    in_order_of_weight,
    log_cells,
    told,
    told_of_both,
)
from autodialer.settings import Settings, load_rule_settings

if TYPE_CHECKING:
    from autodialer.ports.ledger import Store

_DEFAULTS = "default"
_SHOWN = 20
_CENTURY = 20

People = Annotated[
    int, typer.Option(min=1, max=200_000, help="How many people to make up, or at most to take from the ledger.")
]
Days = Annotated[int, typer.Option(min=1, max=MOST_DAYS, help="How many days.")]
Seed = Annotated[int, typer.Option(min=0, help="Which people, and how their calls end: the same for the same seed.")]
FromLedger = Annotated[
    bool,
    typer.Option(
        "--from-ledger", help="Instead of made-up people: whom the ledger called in the last DAYS, as it went."
    ),
]
FromDate = Annotated[str | None, typer.Option("--start", metavar="DATE", help="The first date; default today.")]
AnswerRate = Annotated[
    float | None,
    typer.Option(min=0, max=1, help="Chance that a call is answered; default by recorded calls, else assumed."),
]
Csv = Annotated[
    str | None,
    typer.Option("--csv", metavar="FILE", help="Write a line for each decision (diff: person); - is standard output."),
]


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(simulate)
    app.command()(diff)


def simulate(
    policy: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="The policy to try; default the one in force, `default` the built-in one."),
    ] = None,
    *,
    days: Days = 14,
    people: People = 1000,
    from_ledger: FromLedger = False,
    seed: Seed = 1,
    start: FromDate = None,
    answer_rate: AnswerRate = None,
    as_json: Json = False,
    csv: Csv = None,
) -> None:
    """Show what a policy comes to: calls, people reached and lost, load and credits. Nobody is called, nothing is written.

    Neither Zoho nor 8x8 is asked. Example: autodialer simulate --policy policy.toml --days 30
    """
    _only_one(as_json=as_json, csv=csv)
    question = Question(people, days, seed, from_ledger, _date(start), answer_rate)
    lived = run_async(_live(question, [policy]))
    tally = lived.tallies[0]
    if csv is not None:
        _write_csv(csv, LOG_COLUMNS, log_cells(tally))
    elif as_json:
        print_json({"assumptions": lived.setting.assumptions(), "result": told(lived.policies[0], tally)})
    else:
        show(lived, ["simulated"])
        show_days(tally)


def diff(
    policy: Annotated[str, typer.Argument(metavar="POLICY", help="A policy file, or `default`: the built-in policy.")],
    other: Annotated[
        str | None,
        typer.Argument(
            metavar="OTHER", help="Another one. Of one file alone: the policy in force is compared with it."
        ),
    ] = None,
    *,
    days: Days = 14,
    people: People = 1000,
    from_ledger: FromLedger = False,
    seed: Seed = 1,
    start: FromDate = None,
    answer_rate: AnswerRate = None,
    limit: Annotated[int, typer.Option(min=0, max=10_000, help="How many people to list.")] = _SHOWN,
    as_json: Json = False,
    csv: Csv = None,
) -> None:
    """Compare two policies over the same people with the same chance: who fares otherwise, from when on, and why.

    Neither Zoho nor 8x8 is asked. Example: autodialer diff new-policy.toml --from-ledger --days 30
    """
    _only_one(as_json=as_json, csv=csv)
    question = Question(people, days, seed, from_ledger, _date(start), answer_rate)
    lived = run_async(_live(question, [None, policy] if other is None else [policy, other]))
    first, second = lived.tallies
    changes = in_order_of_weight(list(differences(first, second)))
    if csv is not None:
        _write_csv(csv, DIFF_COLUMNS, diff_cells(changes))
        return
    summary, listed = told_of_both(changes), [change_fields(one) for one in changes[:limit]]
    if as_json:
        first_told, second_told = (told(*one) for one in zip(lived.policies, lived.tallies, strict=True))
        body = {"first": first_told, "second": second_told, "changes": summary, "people": listed}
        print_json({"assumptions": lived.setting.assumptions(), **body})
        return
    show(lived, ["in force", policy] if other is None else [policy, other])
    show_changes(summary, listed)


async def _live(question: Question, files: Sequence[str | None]) -> Lived:
    from autodialer.bootstrap import load_policy, policy_settings, rules_clock  # noqa: PLC0415 - `--help` needs none of it

    settings = load_rule_settings()
    active = load_policy(settings)
    async with _ledger(settings, needed=question.from_ledger) as store:
        desk = SimulationDesk(
            store,
            active,
            settings.calls_per_second,
            settings.max_concurrent_calls,
            settings.result_timeout,
            policy_settings(settings),
        )
        policies = [desk.policy_of(_text(file)) for file in files]
        setting = await desk.prepare(question, rules_clock(settings).now())
    with console().status("simulating"):
        return Lived(setting, policies, [setting.live(policy) for policy in policies])


@asynccontextmanager
async def _ledger(settings: Settings, *, needed: bool) -> "AsyncIterator[Store | None]":
    """The ledger for reading, None where there is none yet."""
    from autodialer.store.engine import Database  # noqa: PLC0415 - as above
    from autodialer.store.ledger import SqlStore  # noqa: PLC0415 - as above
    from autodialer.store.migrate import check_version  # noqa: PLC0415 - as above

    if settings.database_url is None and not settings.db_path.exists():
        if needed:
            raise DialerError(
                f"there is no ledger at {settings.db_path} (DB_PATH) whose people could be taken", permanent=True
            )
        yield None
        return
    database = Database(settings.ledger_url, writable=False)
    try:
        await database.read(check_version)
        yield SqlStore(database)
    finally:
        database.close()


def _text(file: str | None) -> str | None:
    if file is None:
        return None
    if file == _DEFAULTS:
        return ""
    try:
        return Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise typer.BadParameter(f"{file} can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise typer.BadParameter(f"{file} is not UTF-8 text") from error


def _date(text: str | None) -> date | None:
    try:
        found = None if text is None else datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError as error:
        raise typer.BadParameter("--start must be a date such as 2026-03-02") from error
    if found is not None and found.year // 100 != _CENTURY:
        raise typer.BadParameter("--start must be a date from 2000 to 2099")
    return found


def _only_one(*, as_json: bool, csv: str | None) -> None:
    if as_json and csv is not None:
        raise typer.BadParameter("--json and --csv exclude each other")


def _write_csv(target: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    def write(out: Any) -> None:
        out.write(csv_line(columns))
        for cells in rows:
            out.write(csv_line(cells))

    if target == "-":
        write(sys.stdout)
        return
    try:
        with Path(target).open("w", encoding="utf-8", newline="") as file:
            write(file)
    except OSError as error:
        raise DialerError(f"{target} can't be written: {error.strerror}", permanent=True) from error
    typer.echo(f"Written to {target}.")
