"""What the use cases of a run work with, in one bundle."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from autodialer.domain.activity import LogCalls
from autodialer.ports import Clock, Crm, Log, ReadCallback, Telephony
from autodialer.ports.activities import ActivityLog
from autodialer.ports.ledger import Store
from autodialer.ports.questions import Interviewer
from autodialer.rules.policy import Policy
from autodialer.service.budget import Budget
from autodialer.service.upstreams import Upstream


@dataclass(frozen=True, slots=True)
class Means:
    """`clock` is the time of the rules, `wall_clock` the one that the outside world reads; they differ in trials only.

    `owner` names this process in leases. `result_timeout` in seconds.
    `budget`: of Zoho's credits. `new_id` gives unique ids for attempts and runs.
    """

    crm: Crm
    telephony: Telephony
    store: Store
    policy: Policy
    clock: Clock
    wall_clock: Clock
    log: Log
    owner: str
    new_id: Callable[[], str]
    calls_per_second: float
    max_concurrent_calls: int
    result_timeout: float
    budget: Budget = field(default_factory=Budget)
    alone: bool = True  # no other process can have this ledger open
    replica_lease: float = 6.0  # seconds after which a process that says nothing is taken for dead
    dry_run: bool = False  # nobody is called, whatever asks for it
    log_calls: LogCalls = LogCalls.OFF
    activity_log: ActivityLog | None = None  # None when calls are not logged in the CRM
    read_other: ReadCallback | None = None  # of calls that were placed before TELEPHONY was changed
    interviewer: Interviewer | None = None  # where people are asked to press a key
    upstreams: Mapping[str, Upstream] = field(default_factory=dict)  # by name: what their adapters tell of them
