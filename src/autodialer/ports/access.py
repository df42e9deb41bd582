"""Users of the console, who of them is signed in, and the trail of what was done."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from autodialer.domain.access import Action, Role


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may sign in. `password`: its salted hash, never the password."""

    name: str
    role: Role
    password: str = field(repr=False)
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class SignIn:
    """One browser of one user, known by the hash of its cookie.

    `made_with`: a hash of the secret that was shown, so that a changed one ends it.
    """

    token_hash: str = field(repr=False)
    name: str
    made_with: str = field(repr=False)
    signed_in_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One entry of the trail. `subject`: what it was done to, such as an attempt id; `detail`: one sentence, numbers masked."""

    audit_id: int
    at: datetime
    who: str
    action: str
    subject: str
    detail: str


class Users(Protocol):
    """Who may sign in."""

    def put(self, user: User) -> bool:
        """Add or change; whether the name was new."""
        ...

    def get(self, name: str) -> User | None:
        """By name."""
        ...

    def remove(self, name: str) -> bool:
        """With all sign-ins; False if there was none."""
        ...

    def all(self) -> Sequence[User]:
        """By name."""
        ...


class SignIns(Protocol):
    """Who is signed in."""

    def add(self, sign_in: SignIn) -> None:
        """Remember it; those that ended before are forgotten."""
        ...

    def get(self, token_hash: str) -> SignIn | None:
        """Also one that has ended."""
        ...

    def remove(self, token_hash: str) -> None:
        """Signed out."""
        ...


class Audit(Protocol):
    """What was done by whom. Rows are never changed."""

    def add(self, at: datetime, who: str, action: Action, subject: str = "", detail: str = "") -> None:
        """Write it down, in the transaction that does it."""
        ...

    def newest_first(
        self, before: int | None, limit: int, *, who: str | None = None, action: str | None = None
    ) -> Sequence[AuditRow]:
        """All entries, or those of one person or action; beyond the entry with the number `before`."""
        ...

    def of_subjects(self, subjects: Collection[str]) -> Sequence[AuditRow]:
        """What was done to them, oldest first."""
        ...
