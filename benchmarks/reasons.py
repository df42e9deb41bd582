"""Why a goal is missed, and what would help: written by hand, shown on the page for as long as it is missed."""

from collections.abc import Mapping
from typing import Final

REASONS: Final[Mapping[str, str]] = {
    "P6": (
        "Without storage it answers faster than the bare ASGI server that stores nothing, and durably faster than the bare one "
        "that commits in groups (the table below): the ratio is small because its upper half got large. Of what storing takes, "
        "the insert into the table and its indexes is the most."
    ),
    "D4": (
        "The naive client keeps nothing: no intent before the call, no result, no trail, no look before the call or the update, "
        "and hears no event of 8x8. A call here is several durable commits, and its events are taken, kept and applied. One "
        "request of the HTTP client alone takes more than the floor allows (D5); another client would help most, by a quarter, "
        "fewer statements for each commit next."
    ),
    "D3.wall": (
        "Each complaint costs the second that 8x8 asks all calls to wait, which the least possible time does not count: one tells "
        "that the limit was halved (1.05 in virtual time), and one that jitter draws at the limit is a second more."
    ),
    "P8.express": (
        "PostgreSQL, the service and the load share two cores, and it is their processor time that counts: to send BEGIN with the "
        "insert, or the whole transaction in one round trip, made no difference."
    ),
    "P7.rss": (
        "A connection on which callbacks come takes 1.5 KB, and one of them that waits to be stored about as much; the rest is the "
        "whole service with its libraries: see P9.rss."
    ),
    "REST": "What waits for the time to pass looks at the ledger each five seconds, and each look goes to a thread and back.",
    "P9.rss": (
        "The libraries that the service is made of, loaded and doing nothing, are more than the floor allows (LIBRARIES); the "
        "program itself takes 14 MB. What only some settings need is loaded by them alone; a process for callbacks alone would be "
        "small, and a second thing to run."
    ),
    "E1.msgspec": (
        "The rival judges nothing: no values that make no sense, no numbers, no zone. Pages are read straight into the columns "
        "that are needed, which is a tenth of the time. The rest is Python: each number by its country's plan, the date of the "
        "first call in the zone, the checks in their order. Compiled code would help; a page takes Zoho far longer."
    ),
    "S3.rate": (
        "Eight processes and the server share two cores: who does not wait for a lock waits for the processor. A claim became one "
        "statement, which made both sides twice as fast; with more cores than processes the locks would show more."
    ),
    "S2": (
        "Quotas and at-most-once are unique indexes of the table, and ids are texts: 8x8's, Zoho's and our own. Ids as 16 bytes "
        "would save a third, and be unreadable for whoever looks into the ledger."
    ),
}
