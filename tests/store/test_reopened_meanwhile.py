"""A copy that a person gave up while it still ran must not become the ledger: it lacks what came since (PostgreSQL has no lock)."""

from pathlib import Path

import pytest

from autodialer.domain.errors import StoreError
from autodialer.rules.policy import Policy
from autodialer.service.holding import hold_problem
from autodialer.store.moving.copying import Progress
from autodialer.store.moving.move import move, reopen
from databases import Postgres
from store.made import MINUTE, NOW, phone
from store.moved import fill, on_url

LATER = NOW + 10 * MINUTE


def test_a_copy_given_up_while_it_ran_on_does_not_take_the_ledger_s_place(postgres: Postgres, tmp_path: Path) -> None:
    source, target = postgres.fresh(), f"sqlite:///{tmp_path}/home.db"
    fill(source)
    called_since: list[str] = []

    def say(step: Progress) -> None:
        if step.step == "comparing" and not called_since:  # it seems to hang: given up, and the service started again
            reopen(source, LATER)
            assert on_url(source, lambda ledger: hold_problem(ledger, Policy(), LATER)) is None
            on_url(source, lambda ledger: ledger.do_not_call.add(phone(99), "asked", LATER))
            called_since.append(phone(99))

    with pytest.raises(StoreError, match="reopened"):
        move(source, target, LATER, say)
    assert on_url(source, lambda ledger: hold_problem(ledger, Policy(), LATER)) is None, "the one that is worked with"
    assert on_url(target, lambda ledger: hold_problem(ledger, Policy(), LATER)) is not None, "it lacks what came since"
