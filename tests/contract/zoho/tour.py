"""Traffic of every kind: what the client sends and what it is answered, and all refusals that can be provoked."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import httpx2

from autodialer.domain.record import CrmStatus, RecordType
from autodialer.domain.update import CrmUpdate
from autodialer.simulators.common import Exchange
from autodialer.simulators.zoho_limits import Limits
from autodialer.simulators.zoho_new_fields import SCOPE
from contract.zoho.world import NOW, PROPER, RAW, World, key_of, person, pull_all

OpenWorld = Callable[..., World]

QUERIES = (
    "select id from Leads",
    "select id where id is not null",
    "select id from Leads where id is not null and id > 1 and id > 2",
    "select id from Leads where id ~ 1",
    "select id from Leads where id is not null limit 0",
    "select id from Leads where id is not null limit 2001",
    "select id from Leads where id is not null limit x",
    "select id from Leads where id is not null limit 5 offset x",
    "select id, Phone, Phone from Leads where id is not null",
    "select Nope from Leads where id is not null",
    "select id from Leads where Nope = 1",
    "select id from Leads where id is not null order by Nope",
    "select id from Leads where Last_Name > 'A'",
    "select id from Leads where Last_Name between 'A' and 'B'",
    "select id from Leads where Call_Attempts = 'three'",
    "select id from Leads where Call_Attempts not = 3",
    "select id from Nowhere where id is not null",
    "update Leads set Last_Name = 'A' where id is not null",
)
LISTS = (
    "fields=id,Phone,Created_Time&per_page=200",
    "fields=id&per_page=200&page=10",
    "fields=id&per_page=200&page=11",
    "fields=id&sort_by=Modified_Time&sort_order=asc&converted=both",
    "fields=id&sort_by=Phone",
    "fields=id&page=0",
    "fields=id&cvid=4150868000000087501",
    "fields=id&page=1&page_token=x",
    "fields=id&page_token=x",
    "",
    "fields=" + ",".join(f"F{i}" for i in range(51)),
)


async def tour(open_world: OpenWorld) -> list[Exchange]:
    """All exchanges, in the order in which they came."""
    worlds = [await _of_the_client(open_world), await _of_queries(open_world), await _of_lists(open_world)]
    worlds += [await _of_updates(open_world), await _of_rights(open_world), await _of_limits(open_world)]
    worlds.append(await _of_new_fields(open_world))
    return [exchange for world in worlds for exchange in world.exchanges]


async def _of_the_client(open_world: OpenWorld) -> World:
    people = [person(i, "No Answer", call_attempts=1) for i in range(2100)]
    contact = person(1, "New", "Contacts")
    world = open_world(*people, contact)
    async with world.open_client(trigger=("workflow",)) as crm:
        await pull_all(crm)
        await pull_all(crm, RecordType.CONTACT)
        await crm.look([key_of(p) for p in [*people[:60], contact]])
        world.sim.records["Leads"].delete(int(people[0].zoho_id))
        updates = [CrmUpdate(key_of(p), CrmStatus.NO_ANSWER, 2, NOW) for p in [*people[:12], contact]]
        await crm.write(updates)
        await crm.check()
    return world


async def _of_queries(open_world: OpenWorld) -> World:
    world = open_world(person(1))
    async with world.open_raw() as raw:
        for query in QUERIES:
            await _sent(raw, "POST", "coql", {"select_query": query})
        sample = {"select_query": "select Last_Name from Leads where id is not null", "include_meta": ["fields"]}
        for body in (sample, {**sample, "include_meta": "x"}, {**sample, "include_meta": ["x"]}, {}, 7):
            await _sent(raw, "POST", "coql", body)
        await _sent(raw, "POST", "coql", {"select_query": "select id from Leads where id = 1"})
        await raw.get("/crm/v8/settings/fields?module=Nowhere")
    return world


async def _of_lists(open_world: OpenWorld) -> World:
    people = [person(i) for i in range(2050)]
    world = open_world(*people)
    one = f"/crm/v8/Leads/{people[0].zoho_id}"
    async with world.open_raw() as raw:
        for query in LISTS:
            await raw.get(f"/crm/v8/Leads?{query}")
        await raw.get(f"/crm/v8/Leads?fields=id&ids={','.join(p.zoho_id for p in people[:51])}")
        await raw.get(f"/crm/v8/Leads?fields=id&ids={','.join(p.zoho_id for p in people[:52])}")
        page = (await raw.get("/crm/v8/Leads?fields=id&page=10")).json()["info"]
        bound = {"fields": "id", "page_token": page["next_page_token"]}
        await raw.get("/crm/v8/Leads", params=bound)
        await raw.get("/crm/v8/Leads", params={**bound, "sort_order": "asc"})
        headers = {RAW: PROPER} | {"If-Modified-Since": NOW.isoformat()}
        for path in ("/crm/v8/Leads?fields=id", one):
            await raw.get(path, headers=headers)
        await raw.get("/crm/v8/Leads?fields=id&sort_by=Created_Time&sort_order=desc&page=2", headers={RAW: PROPER})
        for path in (
            one,
            "/crm/v8/Leads/1",
            "/crm/v8/Leads/me",
            "/crm/v8/Contacts?fields=id",
            "/crm/v8/Nowhere?fields=id",
        ):
            await raw.get(path)
        world.clock.advance(24 * 3600 + 60)
    async with world.open_raw() as raw:
        await raw.get("/crm/v8/Leads", params=bound)
    return world


async def _of_updates(open_world: OpenWorld) -> World:
    people = [person(i) for i in range(101)]
    world = open_world(*people)
    first, ids = people[0], [p.zoho_id for p in people]
    good = [{"id": zoho_id, "Call_Attempts": 1} for zoho_id in ids]
    bad = [{"id": ids[0], "Call_Attempts": "3"}, {"Call_Attempts": 1}, {"id": "1", "Call_Attempts": 1}]
    stale = {"If-Unmodified-Since": (NOW - timedelta(days=9)).isoformat()}
    async with world.open_raw() as raw:
        for items in (good[:100], good, bad, [good[0], *bad], [{"id": ids[0], "Phone": None}], [], "x"):
            await _sent(raw, "PUT", "Leads", {"data": items, "trigger": []})
        await _sent(raw, "PUT", "Leads", {"data": [{"id": int(ids[0]), "Call_Attempts": 1}]}, {RAW: PROPER})
        await _sent(raw, "PUT", f"Leads/{ids[0]}", {"data": [{"Call_Attempts": 2}]}, {RAW: PROPER})
        await _sent(raw, "PUT", "Leads", {"data": good[:1]}, {RAW: PROPER} | stale)
        await _sent(raw, "PUT", "Nowhere", {"data": good[:1]})
        await _sent(raw, "PUT", "Leads", 7)
        await raw.put("/crm/v8/Leads", content=b" " * (20 * 2**20 + 1))
        for state in ("locked", "not_approved", "not_reviewed", "converted", "blueprint"):
            await raw.post("/_sim/edit", json={"module": "Leads", "id": first.zoho_id, "state": state})
            await _sent(raw, "PUT", "Leads", {"data": [{"id": ids[0], "Lead_Status": "New"}]})
    return world


async def _of_new_fields(open_world: OpenWorld) -> World:
    world = open_world()
    world.sim.accounts.scopes = (SCOPE,)
    good = {"field_label": "Call Result", "data_type": "integer"}
    unknown = {"field_label": "Odd", "data_type": "number"}
    async with world.open_raw() as raw:
        for items in ([good], [good], [{**good, "field_label": "Another"}, unknown], [unknown], [good] * 6, []):
            await _sent(raw, "POST", "settings/fields?module=Leads", {"fields": items})
    return world


async def _of_rights(open_world: OpenWorld) -> World:
    world = open_world(person(1))
    calls: Sequence[tuple[str, str, Any]] = (
        ("POST", "coql", {"select_query": "select id from Leads where id is not null"}),
        ("GET", "Leads?fields=id", None),
        ("GET", f"Leads/{person(1).zoho_id}", None),
        ("PUT", "Leads", {"data": [{"id": person(1).zoho_id, "Call_Attempts": 1}]}),
        ("GET", "settings/fields?module=Leads", None),
    )
    async with world.open_raw(authorised=False) as raw:
        for call in calls:
            await _sent(raw, *call)
        raw.headers["Authorization"] = "Zoho-oauthtoken 1000.unknown"
        for call in calls:
            await _sent(raw, *call)
    world.sim.accounts.scopes = ("AaaServer.profile.READ",)
    async with world.open_raw() as raw:
        for call in calls:
            await _sent(raw, *call)
        await raw.get("/crm/v8/no/such/url")
    return world


async def _of_limits(open_world: OpenWorld) -> World:
    world = open_world(person(1), limits=Limits(concurrency=0))
    async with world.open_raw() as raw:
        query = {"select_query": "select id from Leads where id is not null"}
        update = {"data": [{"id": person(1).zoho_id, "Call_Attempts": 1}]}
        await asyncio.gather(
            _sent(raw, "POST", "coql", query),
            _sent(raw, "PUT", "Leads", update),
            raw.get("/crm/v8/Leads?fields=id"),
            raw.get(f"/crm/v8/Leads/{person(1).zoho_id}"),
            raw.get("/crm/v8/settings/fields?module=Leads"),
        )
    return world


async def _sent(
    raw: httpx2.AsyncClient, method: str, path: str, body: Any, headers: dict[str, str] | None = None
) -> None:
    await raw.request(method, f"/crm/v8/{path}", json=body, headers=headers)
