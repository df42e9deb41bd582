"""Which processes of a deployment live. Who says nothing is buried, and what it had in hand is taken over by another.

Leases are reckoned by the database's clock. A process that stood still and comes back finds that nothing is its own any more.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from autodialer.ports.ledger import Ledger
from autodialer.service.lines import Lines
from autodialer.service.means import Means
from autodialer.service.reconcile import Moved, Reconciler

BEATS: Final = 3  # in one lease: two may be late


class Membership:
    """What this process tells the others of itself, and what it makes of those who tell nothing."""

    def __init__(self, means: Means, reconciler: Reconciler, lines: Lines) -> None:
        self._m = means
        self._reconciler = reconciler
        self._lines = lines
        self._lease = timedelta(seconds=means.replica_lease)
        self._beat_at: float | None = None  # of the last beat that came through
        self._steady_since = 0.0

    @property
    def beat_every(self) -> float:
        """Seconds."""
        return self._m.replica_lease / BEATS

    async def join(self) -> None:
        """Say that one is there. A process that has the ledger for itself buries all others at once: they are dead."""

        def join(ledger: Ledger) -> Sequence[Moved]:
            now = ledger.shared_now()
            ledger.replicas.join(self._m.owner, now, now + self._lease)
            if self._m.alone:
                return self._bury_all(ledger)
            return ()

        self._reconciler.tell(await self._m.store.write(join))
        self._note_beat()

    def _bury_all(self, ledger: Ledger) -> Sequence[Moved]:
        for other in ledger.replicas.all():
            if other != self._m.owner:
                ledger.replicas.leave(other)
        moved = self._reconciler.abandon(ledger, "")
        run = ledger.runs.current()
        if run is not None:
            ledger.runs.inherit(run.owner, self._m.owner)
        return moved

    async def beat(self) -> None:
        """Say that one lives, and take over from those who say so no longer."""
        # Who is silent is looked up by the same writer: a reading thread may be busy for longer than a lease.
        found = await self._m.store.write(self._renew)
        if found is None:
            self._m.log.error("this process stood still for too long: others have taken over what it had in hand")
            await self.join()
            return
        self._note_beat()
        if self._m.clock.monotonic() - self._steady_since < self._m.replica_lease:
            return  # where the ledger itself was gone, the others could not say that they live either
        for silent in found:
            if silent != self._m.owner:
                await self._bury(silent)

    def _renew(self, ledger: Ledger) -> Sequence[str] | None:
        now = ledger.shared_now()
        heard_at = now - timedelta(seconds=self._lines.silence())
        renewed = ledger.replicas.renew(self._m.owner, now + self._lease, heard_at)
        return ledger.replicas.silent(now) if renewed else None

    def _note_beat(self) -> None:
        now = self._m.clock.monotonic()
        if self._beat_at is None or now - self._beat_at > 2 * self.beat_every:
            self._steady_since = now
        self._beat_at = now

    async def _bury(self, silent: str) -> None:
        def bury(ledger: Ledger) -> Sequence[Moved] | None:
            if not ledger.replicas.bury(silent, ledger.shared_now()):
                return None  # it has said meanwhile that it lives, or another process was faster
            moved = self._reconciler.abandon(ledger, silent)
            ledger.runs.inherit(silent, self._m.owner)
            return moved

        moved = await self._m.store.write(bury)
        if moved is not None:
            self._m.log.error("a process says nothing any more: taken over from it", process=silent)
            self._reconciler.tell(moved)

    async def leave(self) -> None:
        """Whatever is left in hand may be taken over at once."""

        def leave(ledger: Ledger) -> Sequence[Moved]:
            moved = self._reconciler.abandon(ledger, self._m.owner)
            ledger.runs.hand_over(self._m.owner)
            ledger.replicas.leave(self._m.owner)
            return moved

        self._reconciler.tell(await self._m.store.write(leave))
