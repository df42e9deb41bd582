"""Whatever happens, in whatever order: nobody is rung twice, no quota is exceeded, no person's word is overwritten.

In `make test` a few dozen ways through the model, always the same ones; `make soak` goes many more.
"""

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from autodialer.store.engine import Database
from databases import Postgres
from proof.machine import Deployment
from proof.pace import unhurried

MANY = 1500
SHARE = 100  # in one test of the soak


def explore(machine: type[Deployment], examples: int, steps: int) -> None:
    """No database of earlier failures is kept: a failure prints the steps that lead to it."""
    chosen = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=True,
        database=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
    with unhurried():
        run_state_machine_as_test(machine, settings=chosen)


def test_no_order_of_events_breaks_an_invariant_on_sqlite() -> None:
    explore(Deployment, examples=15, steps=30)


def test_no_order_of_events_breaks_an_invariant_on_postgresql(postgres: Postgres) -> None:
    opened = on_postgres(postgres, examples=3, steps=20)
    assert opened > 1


@pytest.mark.soak
@pytest.mark.parametrize("share", range(0, MANY, SHARE))
def test_no_order_of_events_at_all_breaks_an_invariant(share: int) -> None:
    @seed(share)
    class Share(Deployment):
        """Other ways than those of the other shares."""

    explore(Share, examples=SHARE, steps=50)


@pytest.mark.soak
def test_no_order_of_many_events_breaks_an_invariant_on_postgresql(postgres: Postgres) -> None:
    assert on_postgres(postgres, examples=50, steps=40) > 1


def on_postgres(postgres: Postgres, examples: int, steps: int) -> int:
    """How many ledgers were opened."""
    opened: list[Database] = []

    def fresh() -> Database:
        opened.append(Database(postgres.fresh()))
        return opened[-1]

    class OnPostgres(Deployment):
        database = staticmethod(fresh)

    explore(OnPostgres, examples, steps)
    return len(opened)
