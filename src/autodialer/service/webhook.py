"""8x8 sends results here (interface.md), and nobody is called while it sends them to another installation instead."""

from typing import Final

from autodialer.domain.errors import DialerError, ResultsElsewhere, TelephonyError
from autodialer.service.duties import KEEP_EVERY, WEBHOOK, Duties
from autodialer.service.holding import elsewhere, note_elsewhere
from autodialer.service.means import Means

WEBHOOK_HASH: Final = "webhook_hash"
_AGAIN = 60.0  # seconds
_SURE = 2  # looks in a row that find another address: one may come from the middle of a change


class WebhookKeeper:
    """Registers at the start whatever stands there; later, and with DRY_RUN, only what is missing.

    Who started last has the results. Were they taken back at once, two installations would take them from each other for ever, and
    both call the same people meanwhile.
    """

    def __init__(self, means: Means, duties: Duties) -> None:
        self._m = means
        self._duties = duties
        self._is_ours = False
        self._strange = 0

    async def keep(self) -> None:
        """Until there is nothing to keep: no webhook, or settings that are missing. Survives its errors."""
        while not self._m.telephony.missing_settings():
            if not self._duties.has(WEBHOOK):
                await self._m.clock.sleep(KEEP_EVERY)
                continue
            try:
                if not await self._look():
                    return
            except TelephonyError as error:
                self._m.log.error("webhook can't be registered", error=error.message)
            except DialerError as error:
                self._m.log.error("webhook not checked", error=error.message)
            except Exception as error:  # noqa: BLE001 - without the webhook no result would come
                self._m.log.error("webhook not checked", error=repr(error))
            await self._m.clock.sleep(_AGAIN)

    async def _look(self) -> bool:
        """Whether there is something to look at again."""
        means = self._m
        known = await means.store.read(lambda ledger: ledger.switches.get(WEBHOOK_HASH))
        try:
            takes_over = not (self._is_ours or means.dry_run)
            registered = await means.telephony.ensure_webhook(known, takes_over=takes_over)
        except ResultsElsewhere as error:
            if means.dry_run:  # a trial beside the service that dials, and that would hear of no call any more
                means.log.warning(
                    "DRY_RUN is set: results go to another address and are left there", address=error.address
                )
                return False
            self._strange += 1
            if self._strange >= _SURE:
                await self._note(error.address)
            return True
        self._is_ours, self._strange = True, 0
        await self._note(None)
        if registered is not None and registered != known:
            now = means.clock.now()
            await means.store.write(lambda ledger: ledger.switches.set(WEBHOOK_HASH, registered, now))
            means.log.info("webhook registered at 8x8")
        return registered is not None

    async def _note(self, address: str | None) -> None:
        means = self._m
        if await means.store.read(elsewhere) == address:
            return
        now = means.clock.now()
        await means.store.write(lambda ledger: note_elsewhere(ledger, address, now))
        if address is None:
            means.log.warning("8x8 sends results here again")
        else:
            means.log.error("8x8 sends results to another installation, no calls are sent", address=address)
