"""Users, who of them is signed in, and the trail of what was done."""

from datetime import timedelta
from functools import partial

from autodialer.domain.access import Action, Role
from autodialer.ports.access import SignIn, User
from autodialer.store.ledger import SqlLedger, SqlStore
from store.made import MINUTE, NOW, work

ANA = User("ana", Role.VIEWER, "scrypt$1", NOW)


def signed_in(name: str, token_hash: str, minutes: int) -> SignIn:
    return SignIn(token_hash, name, "made", NOW + minutes * MINUTE, NOW + (minutes + 10) * MINUTE)


def add(sign_in: SignIn, ledger: SqlLedger) -> None:
    ledger.sign_ins.add(sign_in)


def test_a_user_is_added_once_and_changed_afterwards(store: SqlStore) -> None:
    changed = User("ana", Role.OPERATOR, "scrypt$2", NOW + MINUTE)
    assert work(store, lambda ledger: ledger.users.put(ANA))
    assert not work(store, lambda ledger: ledger.users.put(changed))
    assert work(store, lambda ledger: ledger.users.get("ana")) == changed
    assert work(store, lambda ledger: ledger.users.all()) == [changed]
    assert work(store, lambda ledger: ledger.users.get("bob")) is None


def test_who_is_removed_is_signed_out_everywhere(store: SqlStore) -> None:
    def both(ledger: SqlLedger) -> None:
        ledger.users.put(ANA)
        for token_hash, name in (("1", "ana"), ("2", "ana"), ("3", "bob")):
            ledger.sign_ins.add(signed_in(name, token_hash, 0))

    work(store, both)
    assert work(store, lambda ledger: ledger.users.remove("ana"))
    assert not work(store, lambda ledger: ledger.users.remove("ana"))
    left = work(store, lambda ledger: [ledger.sign_ins.get(one) for one in "123"])
    assert [found.name if found else None for found in left] == [None, None, "bob"]


def test_a_new_sign_in_takes_those_away_that_have_ended(store: SqlStore) -> None:
    for token_hash, minutes in (("1", 0), ("2", 5), ("3", 12)):
        work(store, partial(add, signed_in("ana", token_hash, minutes)))
    assert work(store, lambda ledger: ledger.sign_ins.get("1")) is None
    assert work(store, lambda ledger: ledger.sign_ins.get("2")) == signed_in("ana", "2", 5)
    work(store, lambda ledger: ledger.sign_ins.remove("2"))
    assert work(store, lambda ledger: ledger.sign_ins.get("2")) is None


def test_the_trail_is_read_newest_first_by_person_by_action_and_by_subject(store: SqlStore) -> None:
    def write(ledger: SqlLedger) -> None:
        for one in range(6):
            action = Action.PAUSE if one % 2 else Action.RESUME
            ledger.audit.add(
                NOW + timedelta(seconds=one), "ana" if one < 4 else "bob", action, f"s-{one % 3}", str(one)
            )

    work(store, write)

    def details(**more: str) -> list[str]:
        rows = work(store, lambda ledger: ledger.audit.newest_first(None, 10, **more))
        return [row.detail for row in rows]

    assert details() == list("543210")
    assert details(who="ana") == list("3210")
    assert details(action="pause") == list("531")
    newest = work(store, lambda ledger: ledger.audit.newest_first(None, 2))
    assert [row.detail for row in newest] == list("54")
    beyond = work(store, lambda ledger: ledger.audit.newest_first(newest[-1].audit_id, 2))
    assert [row.detail for row in beyond] == list("32")
    assert [row.detail for row in work(store, lambda ledger: ledger.audit.of_subjects(["s-1"]))] == list("14")
