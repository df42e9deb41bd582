"""Users of the console: who may sign in, with which role."""

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from autodialer.domain.access import LONGEST_NAME, THE_API, Action, Role
from autodialer.ports.access import User
from autodialer.ports.ledger import Ledger
from autodialer.service.passwords import LONGEST, SHORTEST, hash_password
from autodialer.service.services import Services
from autodialer.web.answers import Answer, failure, iso
from autodialer.web.bodies import read_body, read_model
from autodialer.web.openapi import failures
from autodialer.web.questions import only
from autodialer.web.shapes import Failure, Instant, Shape, Success

# Nothing that is not seen or turns the letters around: two names must not look like one in the audit trail.
_UNSEEN = r"\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
_NAME = rf"^[^\s/\\?#%{_UNSEEN}]([^/\\?#%{_UNSEEN}]{{0,58}}[^\s/\\?#%{_UNSEEN}])?$"
_ANY_NAME = r"^[^/\\?#%\x00-\x1f]+$"  # of a user whom an earlier version let in, too
_TAKEN = "this name stands for something else in the audit trail"
_RESERVED = frozenset({"API_TOKEN", THE_API, "this machine", "autodialer"})
Name = Annotated[str, Path(max_length=LONGEST_NAME, pattern=_ANY_NAME)]


class UserShape(Shape):
    """Who may sign in."""

    name: str
    role: Literal["viewer", "operator"]
    changed_at: Instant


class UserList(Success):
    """All of them, by name."""

    users: list[UserShape]
    timestamp: Instant


class UserPut(Success):
    """`added` is false when there was a user of this name."""

    name: str
    role: Literal["viewer", "operator"]
    added: bool
    timestamp: Instant


class UserRemoved(Success):
    """There is none of this name any more."""

    name: str
    timestamp: Instant


class NewUser(BaseModel):
    """`viewer` sees, with personal data masked; `operator` sees all and acts."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(pattern=_NAME, max_length=LONGEST_NAME, examples=["ioana"])]
    role: Annotated[Literal["viewer", "operator"], Field(examples=["viewer"])]
    password: Annotated[str, Field(min_length=SHORTEST, max_length=LONGEST, examples=["at least ten characters"])]


_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": NewUser.model_json_schema()}}}}


def add_users(router: APIRouter, services: Services) -> None:
    """/users."""
    means = services.means

    @router.get("/users", tags=["service"], responses={200: {"model": UserList}}, dependencies=[Depends(only())])
    async def list_users() -> Response:
        """Who may sign in to the console."""
        found = await means.store.read(lambda ledger: ledger.users.all())
        users = [{"name": user.name, "role": user.role.value, "changed_at": iso(user.changed_at)} for user in found]
        return Answer({"success": True, "users": users, "timestamp": iso(means.clock.now())})

    @router.post(
        "/users",
        tags=["service"],
        responses={200: {"model": UserPut}, 409: {"model": Failure, "description": _TAKEN}},
        openapi_extra=_BODY,
        dependencies=[Depends(only())],
    )
    async def put_user(request: Request) -> Response:
        """Add a user, or give one another role and password: whoever is signed in with the old one has to sign in again."""
        new, now = read_model(NewUser, await read_body(request)), means.clock.now()
        if new.name in _RESERVED:
            return failure(409, f"{_TAKEN}: take another one")
        user = User(new.name, Role(new.role), await asyncio.to_thread(hash_password, new.password), now)

        def put(ledger: Ledger) -> bool:
            ledger.audit.add(now, THE_API, Action.ADD_USER, user.name, user.role.value)
            return ledger.users.put(user)

        added = await means.store.write(put)
        shown = {"name": user.name, "role": user.role.value, "added": added}
        return Answer({"success": True, **shown, "timestamp": iso(now)})

    @router.delete(
        "/users/{name}",
        tags=["service"],
        responses={200: {"model": UserRemoved}, **failures(404)},
        dependencies=[Depends(only())],
    )
    async def remove_user(name: Name) -> Response:
        """Nobody signs in by this name any more, and whoever is signed in is out at once."""
        now = means.clock.now()

        def remove(ledger: Ledger) -> bool:
            is_known = ledger.users.remove(name)
            if is_known:
                ledger.audit.add(now, THE_API, Action.REMOVE_USER, name)
            return is_known

        if not await means.store.write(remove):
            return failure(404, "there is no user of this name")
        return Answer({"success": True, "name": name, "timestamp": iso(now)})
