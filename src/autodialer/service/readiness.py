"""Whether calls can be placed at all, and what is missing if not."""

from autodialer.domain.errors import CrmError
from autodialer.ports import Crm, Telephony


class Readiness:
    """Asks Zoho for the fields, and 8x8's adapter for its settings."""

    def __init__(self, crm: Crm, telephony: Telephony) -> None:
        self._crm = crm
        self._telephony = telephony
        self._prepared = False

    async def problems(self) -> list[str]:
        """One sentence for each thing without which no call may be placed; empty when all is well.

        Each run asks Zoho anew: a field or status that was renamed since the last one must stop it. An outage alone does not once
        the fields were known: the run itself meets it, and asks again.
        """
        found = list(self._telephony.missing_settings())
        try:
            await self._crm.prepare()
            self._prepared = True
        except CrmError as error:
            if error.permanent or not self._prepared:
                found.append(error.message)
        return found
