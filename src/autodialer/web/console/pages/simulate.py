"""A policy on simulated days, alone or beside another one."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from autodialer.domain.errors import DialerError
from autodialer.domain.sentence import Sentence
from autodialer.rules.policy import Policy
from autodialer.rules.words import words_for
from autodialer.service.doorkeeping import Visitor
from autodialer.service.simulation.desk import Setting
from autodialer.service.simulation.diff import (
    ALREADY_DEAD,
    NO_RUN,
    NOT_SEEN,
    RUN_SKIPPED,
    TAKEN_OVER,
    Difference,
    differences,
)
from autodialer.service.simulation.tally import Did, Entry, Fate, Tally
from autodialer.service.simulation.telling import in_order_of_weight, told_of_both
from autodialer.web.bodies import BadBody
from autodialer.web.console.access import Access, form_of
from autodialer.web.console.columns import columns_of
from autodialer.web.console.languages import N_
from autodialer.web.console.rendering import Pages
from autodialer.web.simulate import MOST_DAYS, MOST_PEOPLE, Asked, Busy, SimulationRoom, question_of

_LISTED = 50
_FIRST = {
    "people": "1000",
    "days": "14",
    "seed": "1",
    "start": "",
    "answer_rate": "",
    "from_ledger": "",
    "second": "none",
    "policy": "",
}
_LIMITS = {"people": MOST_PEOPLE, "days": MOST_DAYS}
_TOTALS = {
    "people": N_("People"),
    "calls": N_("Calls"),
    "reached": N_("People reached"),
    "lost_to_dead": N_("People lost to Dead"),
    "chased": N_("Called, not reached yet"),
    "not_called": N_("Not called"),
    "calls_per_reached": N_("Calls for each person reached"),
    "runs": N_("Runs"),
    "runs_skipped": N_("Runs skipped, as the one before was still going"),
    "most_calls_in_an_hour": N_("Most calls in an hour"),
    "most_calls_in_a_day": N_("Most calls in a day"),
    "line_minutes": N_("Minutes of calls"),
    "zoho_credits": N_("Zoho credits"),
    "most_zoho_credits_in_a_day": N_("Most Zoho credits in a day"),
}
_FATES = {
    Fate.REACHED: N_("reached"),
    Fate.DEAD: N_("lost to Dead"),
    Fate.CHASED: N_("not reached yet"),
    Fate.NOT_CALLED: N_("never called"),
}
_DID = {Did.CALL: N_("a call"), Did.SKIP: N_("no call"), Did.MARK_DEAD: N_("becomes Dead")}
_WHY_NOT = {
    NO_RUN: N_("no run at that time"),
    RUN_SKIPPED: N_("the run before was still going"),
    TAKEN_OVER: N_("a person had taken over"),
    ALREADY_DEAD: N_("was Dead already"),
    NOT_SEEN: N_("not seen by a run yet"),
}


def add_simulate(router: APIRouter, pages: Pages, access: Access) -> None:
    """/simulate."""
    room = SimulationRoom(pages.services)
    Viewer = Annotated[Visitor, Depends(access.viewer)]  # noqa: N806 - a type

    async def show(request: Request, form: Mapping[str, str], **values: Any) -> Response:
        problems = values.get("problems", [])
        found = {"form": form, "limits": _LIMITS, "problems": problems, "lived": values.get("lived")}
        return await pages.page(request, "simulate.html", 400 if problems else 200, **found)

    @router.get("/simulate")
    async def show_form(request: Request, _visitor: Viewer) -> Response:
        return await show(request, _FIRST)

    @router.post("/simulate")
    async def simulate(request: Request, _visitor: Viewer) -> Response:
        given = await form_of(request)
        form = {name: given.get(name, "") for name in _FIRST}
        try:
            asked = _asked(form)
            setting, policies, tallies = await room.live(question_of(asked), [None, *_second(form)])
        except BadBody as error:
            return await show(request, form, problems=error.problems)
        except Busy:
            sentence = N_("Another simulation is going; try again in some seconds.")
            return await show(request, form, problems=[pages.say(request, sentence)])
        except DialerError as error:
            return await show(request, form, problems=[error.message])
        second = N_("the built-in policy") if form["second"] == "default" else N_("the other policy")
        names = [pages.say(request, N_("in force")), pages.say(request, second)][: len(policies)]
        lived = await asyncio.to_thread(_lived, setting, policies, tallies, names)
        return await show(request, form, lived=lived)


def _asked(form: Mapping[str, str]) -> Asked:
    rate = form["answer_rate"].replace(",", ".")
    try:
        return Asked.model_validate(
            {
                **{name: form[name] for name in ("people", "days", "seed")},
                "from_ledger": form["from_ledger"] == "yes",
                "start": form["start"] or None,
                "answer_rate": float(rate) / 100 if rate else None,
                "policy": form["policy"],
            }
        )
    except ValidationError as error:
        raise BadBody(*(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())) from error
    except ValueError as error:
        raise BadBody("answer_rate: must be a number from 0 to 100") from error


def _second(form: Mapping[str, str]) -> list[str]:
    texts = {"default": "", "text": form["policy"]}
    return [texts[form["second"]]] if form["second"] in texts else []


def _lived(
    setting: Setting, policies: Sequence[Policy], tallies: Sequence[Tally], names: Sequence[str]
) -> dict[str, Any]:
    totals = [tally.totals() for tally in tallies]
    return {
        "names": names,
        "days": setting.world.days,
        "starts": setting.world.start.astimezone(policies[0].zone).date().isoformat(),
        "totals": [(text, [of_one[name] for of_one in totals]) for name, text in _TOTALS.items()],
        **_charts(tallies),
        "assumptions": _assumptions(setting),
        "warnings": list(zip(names, (policy.warning_sentences() for policy in policies), strict=True)),
        "changes": None,
        **(_changes(*tallies) if len(tallies) == 2 else {}),  # noqa: PLR2004 - of two
    }


def _charts(tallies: Sequence[Tally]) -> dict[str, Any]:
    dates = sorted({day.isoformat() for tally in tallies for day in tally.days})
    calls = [{day.isoformat(): of_day.calls for day, of_day in tally.days.items()} for tally in tallies]
    dead = [{day.isoformat(): of_day.dead for day, of_day in tally.days.items()} for tally in tallies]
    hours = [str(hour) for hour in range(24)]
    attempts = [str(number) for number in sorted({number for tally in tallies for number in tally.by_attempt})]
    answered = [{str(number): count for number, count in tally.answered_by_attempt.items()} for tally in tallies]
    return {
        "by_day": columns_of(dates, *calls),
        "by_hour": columns_of(
            hours, *({str(hour): count for hour, count in tally.by_hour.items()} for tally in tallies)
        ),
        "dead": columns_of(dates, *dead),
        "by_attempt": columns_of(attempts, *answered),
    }


def _whom(setting: Setting) -> list[Sentence]:
    people = {"people": len(setting.people)}
    if setting.question.from_ledger:
        return [
            Sentence("{people} people whom the ledger called, each as before the first of these calls.", people),
            Sentence(
                "A call ends as the recorded one of about that time did; where there was none, by the chances below."
            ),
        ]
    made_up = {**people, "seed": setting.world.seed, "backlog": f"{setting.question.mix.backlog:.0%}"}
    return [
        Sentence(
            "{people} people made up from seed {seed}: {backlog} are there at the start, the others come as New over the days.",
            made_up,
        )
    ]


def _assumptions(setting: Setting) -> list[Sentence]:
    world, question = setting.world, setting.question
    length = world.pace.length
    said = _whom(setting)
    for number, rate in enumerate(world.model.by_attempt, 1):
        values = {"number": number, "percent": f"{rate.value:.0%}", "calls": rate.calls}
        if rate.calls:
            said.append(
                Sentence("Call {number} is answered in {percent} of cases: so were {calls} recorded calls.", values)
            )
        else:
            said.append(Sentence("Call {number} is answered in {percent} of cases: assumed.", values))
    by_hour = [f"{hour}: {rate.value:.2g}" for hour, rate in enumerate(world.model.by_hour) if rate.calls]
    if by_hour:
        said.append(Sentence("Times as often by the hour, UTC, as recorded: {hours}.", {"hours": ", ".join(by_hour)}))
    else:
        said.append(Sentence("Every hour is alike: too few calls are recorded to tell them apart."))
    pace = {"pace": world.pace.calls_per_second, "lines": world.pace.lines}
    values = {"seconds": round(length.seconds, 1), "calls": length.calls, **pace}
    if length.calls:
        said.append(
            Sentence(
                "A call takes {seconds} seconds, the mean of {calls}; {pace} calls a second, {lines} lines.", values
            )
        )
    else:
        said.append(
            Sentence("A call is assumed to take {seconds} seconds; {pace} calls a second, {lines} lines.", values)
        )
    if question.person_acts_after is not None:
        said.append(
            Sentence(
                "A person sets another status {hours} hours after an answered call.",
                {"hours": question.person_acts_after},
            )
        )
    return said


def _changes(first: Tally, second: Tally) -> dict[str, Any]:
    changes = in_order_of_weight(list(differences(first, second)))
    summary: Any = told_of_both(changes)
    names = {fate.value: text for fate, text in _FATES.items()}
    return {
        "changes": [_change(one) for one in changes[:_LISTED]],
        "changed": summary["people_changed"],
        "ends_changed": summary["fates_changed"],
        "fates": [
            {"first": names[one["first"]], "second": names[one["second"]], "people": one["people"]}
            for one in summary["fates"]
        ],
    }


def _change(one: Difference) -> dict[str, Any]:
    return {
        "record": str(one.key),
        "run_at": one.slot,
        "did": [_did(entry) for entry in (one.first, one.second)],
        "calls": one.calls,
        "fates": [_FATES[fate] for fate in one.fates],
    }


def _did(entry: Entry) -> dict[str, str]:
    return {"would": _DID[entry.did], "short": _WHY_NOT.get(entry.reason) or words_for(entry.reason).short}
