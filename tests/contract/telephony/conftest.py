"""One running kit for each test, of each provider."""

from collections.abc import AsyncIterator, Mapping

import pytest

from contract.telephony.contact_center_kit import contact_center
from contract.telephony.kit import Kit, Start
from contract.telephony.voice_kit import press1, voice

KITS: Mapping[str, Start] = {"voice": voice, "press1": press1, "contact_center": contact_center}


@pytest.fixture(params=list(KITS))
async def kit(request: pytest.FixtureRequest) -> AsyncIterator[Kit]:
    async with KITS[request.param]() as running:
        yield running
