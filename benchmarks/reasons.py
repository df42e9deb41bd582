"""Why a goal is missed, and what would help: written by hand, shown on the page for as long as it is missed."""

from collections.abc import Mapping
from typing import Final

REASONS: Final[Mapping[str, str]] = {
    "P6": (
        "Reading and answering got three times as fast since the goal was set, keeping did not: a row in four indexes, written to "
        "the log and synced, is half of what a callback costs, as it is for every rival that keeps it. Fewer indexes would help: "
        "the session's serves the matching of early results, the one of what waits serves everybody who looks for it."
    ),
    "D1.50": (
        "The first call waits for the first look and for its intent's commit, and the last turns of a run for theirs, on two cores "
        "that also run the simulated Zoho and 8x8. A run of any length has the same two seconds."
    ),
    "D4": (
        "The naive client keeps nothing: no intent before the call, no result, no trail, no look before the call or the update. Of "
        "what a call costs here a third is the ledger's (three commits and twenty statements), a third the HTTP client, which "
        "takes four times what aiohttp does, and the rest is receiving the events of 8x8. Another client would help most."
    ),
    "D2": (
        "Leads and Contacts are asked for and written apart, so that a look at fifty people is two requests. Results are written "
        "as they come instead of waiting for nine others: people in Zoho see them sooner. Up to twenty statuses at a time go one "
        "by one, each with the version that was seen: that alone is documented to keep what a person sets meanwhile. A linger of "
        "some seconds before each update would save requests."
    ),
    "D3.wall": (
        "Each complaint costs the second that 8x8 asks all calls to wait, which the least possible time does not count; two are "
        "needed to tell a limit that was halved from jitter (1.08 in virtual time). The first half runs at exactly 8x8's limit, "
        "where each stall of a busy machine draws one more. A CALLS_PER_SECOND some percent below 8x8's limit would help."
    ),
    "P7.rss": "Memory is that of the whole service with its libraries, not of callbacks: see P9.rss.",
    "P9.rss": (
        "The process holds the whole service: the client of Zoho, the phone numbers of all countries, the API's documents. What "
        "is not needed at first could be loaded later; a process for callbacks alone would be small, and a second thing to run."
    ),
    "E1.json": (
        "A record becomes an object that the rules, the plan and the explanation share, and each number is checked against its "
        "country's plan: that costs more than reading JSON. Fewer objects for each record would help; a page takes Zoho longer."
    ),
    "E1.msgspec": (
        "The rival judges nothing: no values that make no sense, no numbers, no zone. Reading pages straight into the columns "
        "that are needed would help."
    ),
    "S2": (
        "Quotas and at-most-once are unique indexes of the table, and ids are texts: 8x8's, Zoho's and our own. Ids as 16 bytes "
        "would save a third, and be unreadable for whoever looks into the ledger."
    ),
}
