"""An attempt's id tells which ledger made it."""

from uuid import UUID, uuid4

import pytest

from autodialer.domain.identity import is_sealed, sealed

LEDGER = "6f5f48412f55586ea8715afc587e3c3a"


def test_a_sealed_id_is_a_uuid_that_its_ledger_knows_again_and_no_other_does() -> None:
    for _ in range(100):
        identity = sealed(uuid4(), LEDGER)
        assert str(UUID(identity)) == identity
        assert is_sealed(identity, LEDGER)
        assert not is_sealed(identity, LEDGER[::-1])


def test_two_ids_are_never_the_same() -> None:
    assert len({sealed(uuid4(), LEDGER) for _ in range(10_000)}) == 10_000


@pytest.mark.parametrize("identity", ["", "a", str(UUID(int=7)), "e" * 36, "ș" * 40, "\ud800" * 13, "x" * 12])
def test_what_somebody_else_made_up_is_not_ours(identity: str) -> None:
    assert not is_sealed(identity, LEDGER)


def test_a_ledger_without_a_name_knows_no_id() -> None:
    assert not is_sealed(sealed(uuid4(), ""), "")
