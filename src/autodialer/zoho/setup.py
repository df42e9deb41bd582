"""What a Zoho organisation needs before it can be dialled from, and making those two fields that Zoho lets us make.

Documented (Zoho's page "Create Custom Fields", v8, and its published specification): POST /crm/v8/settings/fields?module=Leads
with the scope ZohoCRM.settings.fields.CREATE; `fields` with `field_label` (25 characters), `data_type`, and for an integer `length`
1 to 9; five fields a call; 201, or 207 and 400 with one item for each field in their order; DUPLICATE_DATA for a label that exists,
LIMIT_EXCEEDED or FIELD_LIMIT_EXCEEDED for what the edition does not allow; a field's type can't be changed later.

Not documented: which API name Zoho makes of the label (so it is read from the metadata), how soon these show the new field, and
whether a request sent twice makes two (so it is never sent twice). Values of picklists are left to a person, although the API could
add some.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from autodialer.domain.errors import CrmError
from autodialer.domain.record import RecordType
from autodialer.ports import Clock, Level, TokenStore
from autodialer.service.gathering import gather_or_cancel
from autodialer.zoho.answers import Answer, UnreadableError, describe, error_for, error_item
from autodialer.zoho.config import ZohoConfig
from autodialer.zoho.fields import MODULES, FieldMeta, read_fields
from autodialer.zoho.oauth import Tokens
from autodialer.zoho.resolving import Part, Resolver, Role
from autodialer.zoho.transport import ApiCall, Transport
from autodialer.zoho.wire import Wire

SCOPE: Final = "ZohoCRM.settings.fields.CREATE"
_PATH: Final = "/crm/v8/settings/fields"
NEW_FIELDS: Final = {
    Role.ATTEMPTS: {"field_label": str(Role.ATTEMPTS), "data_type": "integer", "length": 9},
    Role.FIRST_NO_ANSWER: {"field_label": str(Role.FIRST_NO_ANSWER), "data_type": "datetime"},
}


@dataclass(frozen=True, slots=True)
class ModuleState:
    """How one module stands."""

    record_type: RecordType
    parts: tuple[Part, ...]

    @property
    def module(self) -> str:
        """Its name in Zoho."""
        return MODULES[self.record_type]

    @property
    def is_complete(self) -> bool:
        """Whether its records can be dialled."""
        return all(part.level is not Level.PROBLEM for part in self.parts)

    @property
    def creatable(self) -> tuple[Role, ...]:
        """The fields that are missing and can be made through the API."""
        return tuple(part.role for part in self.parts if part.is_absent and part.role in NEW_FIELDS)


@dataclass(frozen=True, slots=True)
class Creation:
    """What became of one field that was to be made."""

    module: str
    role: Role
    is_created: bool
    message: str


class _Created(msgspec.Struct, frozen=True):
    fields: list[Any]


class ZohoSetup:
    """Looks at the metadata and makes fields. Opened by `open_setup`."""

    def __init__(self, config: ZohoConfig, transport: Transport) -> None:
        self._config = config
        self._transport = transport

    async def survey(self) -> list[ModuleState]:
        """Both modules as Zoho's metadata show them now. CrmError when these can't be read."""
        return await gather_or_cancel([self._state_of(record_type) for record_type in RecordType])

    async def create(self, states: Sequence[ModuleState]) -> list[Creation]:
        """Make what is missing and can be made. CrmError when it is not allowed at all."""
        return [made for state in states if state.creatable for made in await self._create(state)]

    async def _state_of(self, record_type: RecordType) -> ModuleState:
        call = ApiCall("GET", _PATH, params={"module": MODULES[record_type]})
        metas: Sequence[FieldMeta] = await self._transport.send(call, read_fields)
        resolver = Resolver(record_type, metas, self._config)
        resolver.resolve()
        return ModuleState(record_type, tuple(resolver.parts))

    async def _create(self, state: ModuleState) -> list[Creation]:
        roles = state.creatable
        body = msgspec.json.encode({"fields": [NEW_FIELDS[role] for role in roles]})
        call = ApiCall("POST", _PATH, content=body, params={"module": state.module}, is_repeatable=False)
        try:
            items = await self._transport.send(call, _read_created)
        except CrmError as error:
            if error.code == "OAUTH_SCOPE_MISMATCH":
                raise _not_allowed() from error
            told = (
                error.message
                if error.permanent
                else f"it is not known whether Zoho made it ({error.message}); look again"
            )
            return [Creation(state.module, role, is_created=False, message=told) for role in roles]
        return [_creation(state.module, role, items[at] if at < len(items) else None) for at, role in enumerate(roles)]


@asynccontextmanager
async def open_setup(config: ZohoConfig, tokens: TokenStore, clock: Clock) -> AsyncIterator[ZohoSetup]:
    """The connections last as long as the block. SettingsError when the hosts can't be used."""
    wire = Wire(config)
    try:
        yield ZohoSetup(config, Transport(config, wire, Tokens(config, wire, tokens, clock), clock))
    finally:
        await wire.aclose()


def _read_created(answer: Answer) -> list[Any]:
    """The items, whatever the status: 201, 207 and 400 carry them. CrmError for a refusal as a whole."""
    try:
        return msgspec.json.decode(answer.body, type=_Created).fields
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        if not answer.is_success:
            raise error_for(answer) from problem
        raise UnreadableError(type(problem).__name__) from problem


def _creation(module: str, role: Role, item: object) -> Creation:
    found = error_item(item)
    if found.code == "SUCCESS":
        return Creation(module, role, is_created=True, message="created")
    advice = _ADVICE.get(found.code, "")
    told = describe(found) or "Zoho's answer says nothing of this field; look again"
    return Creation(module, role, is_created=False, message=f"{told}: {advice}" if advice else told)


_LIMIT: Final = "the edition allows no more custom fields: take one out of use, or name an existing field in .env"
_ADVICE: Final = {
    "DUPLICATE_DATA": "a field with this label exists, but this user can't see it: give them the right in Zoho",
    "LIMIT_EXCEEDED": _LIMIT,
    "FIELD_LIMIT_EXCEEDED": _LIMIT,
}


def _not_allowed() -> CrmError:
    return CrmError(
        f"ZOHO_REFRESH_TOKEN was made without the scope {SCOPE}: make the fields by hand, or make another refresh token with this "
        "scope for this one command",
        permanent=True,
        code="OAUTH_SCOPE_MISMATCH",
    )
