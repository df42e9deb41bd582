"""One running kit for each test, of each provider."""

from collections.abc import AsyncIterator, Iterator, Mapping
from functools import cache

import httpcore2
import pytest

from contract.telephony.contact_center_kit import contact_center
from contract.telephony.kit import Kit, Start
from contract.telephony.voice_kit import press1, voice

KITS: Mapping[str, Start] = {"voice": voice, "press1": press1, "contact_center": contact_center}


@pytest.fixture(scope="session", autouse=True)
def _certificates_read_once() -> Iterator[None]:
    """Each HTTP client reads all certificates anew, 40 ms of work; here one reading serves all of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpcore2, "default_ssl_context", cache(httpcore2.default_ssl_context))
        yield


@pytest.fixture(params=list(KITS))
async def kit(request: pytest.FixtureRequest) -> AsyncIterator[Kit]:
    async with KITS[request.param]() as running:
        yield running
