"""What the pages of all work lists share: where a page begins, where the next one does, what a form says of itself."""

from urllib.parse import urlencode

from starlette.requests import Request

from autodialer.domain.record import RecordKey, RecordType
from autodialer.service.services import Services
from autodialer.web.console.access import HOME, form_of, no_such_page
from autodialer.web.cursors import fits

PAGE = 50
LONGEST_REASON = 500


def place(request: Request, pattern: str) -> str:
    """The `after` of the address, "" to begin. Shows "no such page" for one that no list gave."""
    after = request.query_params.get("after", "")
    return after if fits(pattern, after) else no_such_page()


def older(request: Request, after: str | None) -> str | None:
    """The address of the next page: this one's, with its choices; None on the last one."""
    return None if after is None else _address(request, ("after", after))


def beginning(request: Request) -> str | None:
    """The address of the first page of the same list; None on that one."""
    return _address(request) if request.query_params.get("after") else None


def _address(request: Request, *more: tuple[str, str]) -> str:
    kept = [(name, value) for name, value in request.query_params.items() if name != "after"]
    return f"{request.url.path}?{urlencode([*kept, *more])}".removesuffix("?")


def key_of(record_type: str, zoho_id: str) -> RecordKey:
    """The record that a form's address names; shows "no such page" for none."""
    if record_type not in tuple(RecordType) or not (zoho_id.isascii() and zoho_id.isdigit() and len(zoho_id) <= 20):  # noqa: PLR2004 - digits of an id
        no_such_page()
    return RecordKey(RecordType(record_type), zoho_id)


def number_of(text: str) -> int:
    """The number of a row in a form's address; shows "no such page" for none."""
    if not (text.isascii() and text.isdigit() and len(text) <= 15):  # noqa: PLR2004 - as in the API
        no_such_page()
    return int(text)


async def reason_of(request: Request) -> str:
    """What a person gave as the reason; "" for none or a far too long one."""
    reason = (await form_of(request)).get("reason", "")
    return reason if len(reason) <= LONGEST_REASON else ""


class Links:
    """Where a record is seen: in the console and in Zoho."""

    def __init__(self, services: Services) -> None:
        self._crm_page = services.means.crm.page_of

    def here(self, key: RecordKey) -> str:
        """The person's page."""
        return f"{HOME}/people/{key.record_type.value.lower()}/{key.zoho_id}"

    def zoho(self, key: RecordKey) -> str | None:
        """In Zoho; None where its address is not known."""
        return self._crm_page(key)
