"""The use cases of one process in one bundle: what the web, the worker and the commands are given."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace

from autodialer.ports import Finding
from autodialer.ports.ledger import Store
from autodialer.service.activities import ActivityService
from autodialer.service.applying import Applier
from autodialer.service.asking import Asker
from autodialer.service.call_log import CallLog
from autodialer.service.callbacks import CallbackDesk
from autodialer.service.counting import Counts
from autodialer.service.credits import Credits, Rationed
from autodialer.service.doctor import Doctor
from autodialer.service.drift import DriftReport
from autodialer.service.duties import Duties
from autodialer.service.explain import Explainer
from autodialer.service.finding import PeopleFinder
from autodialer.service.glance import Glancer
from autodialer.service.kept_drift import DriftKeeper
from autodialer.service.kept_plan import PlanKeeper
from autodialer.service.leisure import Leisure
from autodialer.service.lines import Lines
from autodialer.service.listening import Listener
from autodialer.service.looking_again import SecondLook
from autodialer.service.means import Means
from autodialer.service.membership import Membership
from autodialer.service.orphans import OrphanDesk
from autodialer.service.parked import ParkedUpdates
from autodialer.service.plan import Planner
from autodialer.service.pruning import Pruner
from autodialer.service.questions import QuestionDesk
from autodialer.service.readiness import Readiness
from autodialer.service.reconcile import Reconciler
from autodialer.service.results import ResultService
from autodialer.service.run_desk import RunDesk
from autodialer.service.runs import RunService, RunSignals
from autodialer.service.schedule import Scheduler
from autodialer.service.settling import Settler
from autodialer.service.signals import Signal
from autodialer.service.simulation.desk import SimulationDesk
from autodialer.service.suppressing import Suppressor
from autodialer.service.webhook import WebhookKeeper
from autodialer.service.write_back import WriteBack
from autodialer.service.writing_again import Rewriter


@dataclass(frozen=True, slots=True)
class PolicySource:
    """Where the policy in force is from: the `file`, and the fields that variables of their own have `given`."""

    file: str | None = None
    given: Mapping[str, object] = field(default_factory=dict)


AS_BUILT_IN = PolicySource()


@dataclass(frozen=True, slots=True)
class Services:
    """Wired by bootstrap.

    `arrived`: a callback was stored; `to_ask`: one waits for the CRM; `write_back_due`: an update was queued; `stopping`: no more
    calls.
    """

    means: Means
    readiness: Readiness
    lines: Lines
    runs: RunService
    run_desk: RunDesk
    scheduler: Scheduler
    callbacks: CallbackDesk
    listener: Listener
    questions: QuestionDesk
    results: ResultService
    asker: Asker
    write_back: WriteBack
    webhook: WebhookKeeper
    activities: ActivityService
    reconciler: Reconciler
    membership: Membership
    call_log: CallLog
    settler: Settler
    orphans: OrphanDesk
    parked: ParkedUpdates
    second_look: SecondLook
    rewriter: Rewriter
    suppressor: Suppressor
    explainer: Explainer
    finder: PeopleFinder
    planner: Planner
    kept_plan: PlanKeeper
    policy_source: PolicySource
    simulation: SimulationDesk
    doctor: Doctor
    drift: DriftReport
    kept_drift: DriftKeeper
    credits: Credits
    glancer: Glancer
    counts: Counts
    duties: Duties
    pruner: Pruner
    arrived: Signal
    to_ask: Signal
    write_back_due: Signal
    stopping: asyncio.Event


def wire(
    means: Means,
    scratch: Callable[[], AbstractContextManager[Store]],
    about: Sequence[Finding],
    *,
    run_hours: tuple[int, ...],
    catch_up: float,
    retention_days: int = 0,
    policy_source: PolicySource = AS_BUILT_IN,
) -> Services:
    """Put the use cases together. To be called inside the event loop that runs them.

    `policy_source`: where the policy is from.
    """
    arrived, to_ask, due, stopping = Signal(), Signal(), Signal(), asyncio.Event()
    readiness = Readiness(means.crm, means.telephony)
    lines, reconciler = Lines(means), Reconciler(means)
    callbacks = CallbackDesk(means.store, means.clock, arrived, alone=means.alone)
    count = Credits(means)
    rationed = replace(means, crm=Rationed(means.crm, count))
    applier = Applier(means, lines, due)
    leisure = Leisure(means.clock, lambda: callbacks.storing)
    results = ResultService(means, applier, to_ask, leisure)
    asker = Asker(means, applier, results, arrived, leisure)
    planner = Planner(rationed, scratch, count)
    drift = DriftReport(means)
    runs = RunService(rationed, readiness, lines, RunSignals(write_back=due, results=arrived), stopping)
    duties = Duties(means)
    scheduler = Scheduler(runs, means.store, means.clock, means.log, run_hours, catch_up)
    return Services(
        means=means,
        readiness=readiness,
        lines=lines,
        runs=runs,
        run_desk=RunDesk(runs),
        scheduler=scheduler,
        callbacks=callbacks,
        listener=Listener(means.telephony, means.store, callbacks),
        questions=QuestionDesk(means, arrived),
        results=results,
        asker=asker,
        write_back=WriteBack(means),
        webhook=WebhookKeeper(means, duties),
        activities=ActivityService(means),
        reconciler=reconciler,
        membership=Membership(means, reconciler, lines),
        call_log=CallLog(means, due),
        settler=Settler(means, due),
        orphans=OrphanDesk(means, results, asker, arrived),
        parked=ParkedUpdates(means, due),
        second_look=SecondLook(means),
        rewriter=Rewriter(means, due),
        suppressor=Suppressor(means),
        explainer=Explainer(means),
        planner=planner,
        kept_plan=PlanKeeper(planner),
        policy_source=policy_source,
        simulation=SimulationDesk(
            means.store,
            means.policy,
            means.calls_per_second,
            means.max_concurrent_calls,
            means.result_timeout,
            policy_source.given,
        ),
        finder=PeopleFinder(rationed),
        doctor=Doctor(means, about, count),
        credits=count,
        glancer=Glancer(means, lines, count, scheduler.late),
        counts=Counts(means.store, means.clock, run_hours),
        duties=duties,
        pruner=Pruner(means, retention_days),
        drift=drift,
        kept_drift=DriftKeeper(drift, means.clock),
        arrived=arrived,
        to_ask=to_ask,
        write_back_due=due,
        stopping=stopping,
    )
