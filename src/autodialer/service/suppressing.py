"""The do-not-call list: one number, or a whole file of them. Nothing but a person's own word takes a number off."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Final

from autodialer.domain.access import THE_API, Action
from autodialer.domain.errors import NotWaiting
from autodialer.domain.phone import NoNumber, PhoneNumber, read_numbers
from autodialer.domain.sentence import Sentence
from autodialer.ports.ledger import Ledger
from autodialer.service.means import Means
from autodialer.service.number_files import read_lines

LONGEST_REASON: Final = 500
_AT_ONCE = 2000  # numbers in one transaction, for which results and calls have to wait
_READ_AT_ONCE = 50  # lines between two moments for everybody else: of unreadable ones some milliseconds
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
HEADINGS: Final = ("number", "reason", "added_at")


@dataclass(frozen=True, slots=True)
class NumberFile:
    """What a file holds. `numbers`: those that are not on the list yet, in their order, each with its reason.

    `known`: how many are on the list already; `repeated`: rows whose numbers all stand further up; `unreadable`: line and why.
    """

    lines: int = 0
    numbers: Mapping[str, str] = field(default_factory=dict)
    known: int = 0
    repeated: int = 0
    unreadable: tuple[tuple[int, str], ...] = ()


class Suppressor:
    """Adds, removes, imports, exports."""

    def __init__(self, means: Means) -> None:
        self._m = means
        self._turn = asyncio.Lock()  # one file at a time

    def read(self, text: str) -> PhoneNumber | NoNumber:
        """The number that a person means, E.164 or as dialled in DEFAULT_COUNTRY. Of two none is: one would be left out."""
        found = read_numbers(text, self._m.policy.default_country)
        if isinstance(found, NoNumber):
            return found
        return found[0] if len(found) == 1 else NoNumber("more than one, give each on its own")

    async def add(self, number: str, reason: str, by: str = THE_API) -> bool:
        """Never dial it again, effective at once, also for a run that is going; False if it stands on the list already."""
        now = self._m.clock.now()

        def add(ledger: Ledger) -> bool:
            added = ledger.do_not_call.add(number, reason, now)
            if added:
                ledger.audit.add(now, by, Action.SUPPRESS, number, reason)
            return added

        return await self._m.store.write(add)

    async def remove(self, number: str, reason: str, by: str = THE_API, seen: str = "") -> None:
        """It may be called again. NotWaiting when it is not on the list, or was put there again.

        `seen`: since when it stood there, as whoever takes it off was shown it (ISO 8601).
        """
        now = self._m.clock.now()

        def remove(ledger: Ledger) -> None:
            found = ledger.do_not_call.find(number)
            if seen and found is not None and seen != found[1].isoformat():
                told = Sentence("the number was put on the list again after this page was made")
                raise NotWaiting(told, permanent=True)
            if not ledger.do_not_call.remove(number):
                raise NotWaiting(Sentence("the number is not on the list"), permanent=True)
            ledger.audit.add(now, by, Action.ALLOW, number, reason)

        await self._m.store.write(remove)
        self._m.log.warning("number taken off the do-not-call list", number=number, by=by)

    async def preview(self, data: bytes, reason: str = "") -> NumberFile:
        """What an import of this file would add; `reason` where a row gives none. UnreadableFile."""
        async with self._turn:
            return await self._read(data, reason)

    async def add_file(self, data: bytes, reason: str = "", by: str = THE_API) -> NumberFile:
        """Add all numbers of a file; never removes one. Done again it adds nothing. UnreadableFile: nothing was added."""
        async with self._turn:
            found = await self._read(data, reason)
            left = iter(found.numbers.items())
            while some := dict(islice(left, _AT_ONCE)):
                await self._m.store.write(partial(self._add_some, some, by))
        counts = {"lines": found.lines, "added": len(found.numbers), "known": found.known}
        self._m.log.warning("do-not-call list imported", **counts, unreadable=len(found.unreadable), by=by)
        return found

    def _add_some(self, numbers: Mapping[str, str], by: str, ledger: Ledger) -> None:
        now = self._m.clock.now()
        added = ledger.do_not_call.add_all(numbers, now)
        ledger.audit.add(now, by, Action.IMPORT_NUMBERS, detail=f"{added} numbers added")

    async def _read(self, data: bytes, reason: str) -> NumberFile:
        numbers: dict[str, str] = {}
        unreadable: list[tuple[int, str]] = []
        lines = repeated = 0
        rows = read_lines(data)
        while some := list(islice(rows, _READ_AT_ONCE)):
            for row in some:
                found = read_numbers(row.number, self._m.policy.default_country)
                if isinstance(found, NoNumber):
                    unreadable.append((row.line, found.reason))
                    continue
                repeated += all(number.e164 in numbers for number in found)
                for number in found:
                    numbers.setdefault(number.e164, (row.reason or reason)[:LONGEST_REASON])
            lines += len(some)
            await self._m.clock.sleep(0)
        known = await self._m.store.read(lambda ledger: ledger.do_not_call.has(numbers))
        new = {number: why for number, why in numbers.items() if number not in known}
        return NumberFile(lines, new, len(known), repeated, tuple(unreadable))

    async def export(self, by: str = THE_API) -> AsyncIterator[str]:
        """The list as CSV, a piece at a time; an import takes it."""
        now = self._m.clock.now()
        await self._m.store.write(lambda ledger: ledger.audit.add(now, by, Action.EXPORT_NUMBERS))
        yield "\ufeff" + _csv([HEADINGS])
        after = ""
        while rows := await self._m.store.read(partial(_page, after)):
            yield _csv((number, _harmless(reason), added_at.isoformat()) for number, reason, added_at in rows)
            after = rows[-1][0]


def _page(after: str, ledger: Ledger) -> Sequence[tuple[str, str, datetime]]:
    return ledger.do_not_call.page(after, _AT_ONCE)


def _csv(rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _harmless(reason: str) -> str:
    """A spreadsheet must not take it for a formula."""
    return f"'{reason}" if reason.startswith(_FORMULA) else reason
