"""Users, sign-ins, and the trail of what was done."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from autodialer.domain.access import Action, Role
from autodialer.ports.access import AuditRow, SignIn, User
from autodialer.store.chunks import chunks
from autodialer.store.insert import insert_for
from autodialer.store.tables_access import audit, sign_ins, users


class SqlUsers:
    """Implements ports.access.Users."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def put(self, user: User) -> bool:
        is_new = self.get(user.name) is None
        values = {"role": user.role.value, "password": user.password, "changed_at": user.changed_at}
        statement = insert_for(self._db, users).values(name=user.name, **values)
        self._db.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))
        return is_new

    def get(self, name: str) -> User | None:
        row = self._db.execute(select(users).where(users.c.name == name)).first()
        return None if row is None else User(row.name, Role(row.role), row.password, row.changed_at)

    def remove(self, name: str) -> bool:
        self._db.execute(delete(sign_ins).where(sign_ins.c.name == name))
        return self._db.execute(delete(users).where(users.c.name == name)).rowcount == 1

    def all(self) -> Sequence[User]:
        rows = self._db.execute(select(users).order_by(users.c.name))
        return [User(row.name, Role(row.role), row.password, row.changed_at) for row in rows]


class SqlSignIns:
    """Implements ports.access.SignIns."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def add(self, sign_in: SignIn) -> None:
        self._db.execute(delete(sign_ins).where(sign_ins.c.ends_at <= sign_in.signed_in_at))
        self._db.execute(
            insert(sign_ins).values(
                token_hash=sign_in.token_hash,
                name=sign_in.name,
                made_with=sign_in.made_with,
                signed_in_at=sign_in.signed_in_at,
                ends_at=sign_in.ends_at,
            )
        )

    def get(self, token_hash: str) -> SignIn | None:
        row = self._db.execute(select(sign_ins).where(sign_ins.c.token_hash == token_hash)).first()
        return None if row is None else SignIn(**row._mapping)  # noqa: SLF001 - SQLAlchemy's documented name

    def remove(self, token_hash: str) -> None:
        self._db.execute(delete(sign_ins).where(sign_ins.c.token_hash == token_hash))


class SqlAudit:
    """Implements ports.access.Audit."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def add(self, at: datetime, who: str, action: Action, subject: str = "", detail: str = "") -> None:
        values = {"at": at, "who": who, "action": action.value, "subject": subject, "detail": detail}
        self._db.execute(insert(audit).values(**values))

    def newest_first(
        self, before: int | None, limit: int, *, who: str | None = None, action: str | None = None
    ) -> Sequence[AuditRow]:
        found = select(audit).order_by(audit.c.audit_id.desc()).limit(limit)
        if before is not None:
            found = found.where(audit.c.audit_id < before)
        if who is not None:
            found = found.where(audit.c.who == who)
        if action is not None:
            found = found.where(audit.c.action == action)
        return [AuditRow(**row._mapping) for row in self._db.execute(found)]  # noqa: SLF001 - as above

    def of_subjects(self, subjects: Collection[str]) -> Sequence[AuditRow]:
        found = [
            AuditRow(**row._mapping)  # noqa: SLF001 - as above
            for some in chunks(subjects)
            for row in self._db.execute(select(audit).where(audit.c.subject.in_(some)))
        ]
        return sorted(found, key=lambda row: row.audit_id)
