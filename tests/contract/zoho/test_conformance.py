"""Real traffic against Zoho's published specifications, where a copy of them is at hand.

The specifications are patched where they contradict Zoho's own documentation: a COQL page may hold 2000
rows (they say 200), an update may set off nothing, and its items may be errors.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from autodialer.domain.record import CrmStatus
from autodialer.domain.update import CrmUpdate
from autodialer.simulators.zoho_new_fields import SCOPE
from autodialer.simulators.zoho_schema import default_metadata
from autodialer.simulators.zoho_tokens import SCOPES
from autodialer.zoho.setup import open_setup
from contract.zoho.world import World, key_of, person, pull_all

OpenWorld = Callable[..., World]
SPECS = Path(__file__).parents[4] / "shared" / "reference" / "zoho" / "specs"

pytestmark = pytest.mark.skipif(not SPECS.is_dir(), reason="Zoho's specifications are not at hand")


def validate(name: str, *place: str, value: object) -> None:
    """Fail unless `value` fits the schema at that place of the specification."""
    document = json.loads((SPECS / f"{name}.json").read_text())
    uri = f"urn:{name}"
    registry: Registry[Any] = Registry().with_resource(uri, DRAFT202012.create_resource(document))
    pointer = "/".join(part.replace("~", "~0").replace("/", "~1") for part in place)
    Draft202012Validator({"$ref": f"{uri}#/{pointer}"}, registry=registry).validate(value)


async def test_queries_and_their_answers_fit_the_published_specification(open_world: OpenWorld) -> None:
    people = [person(i, "No Answer", call_attempts=1) for i in range(120)]
    world = open_world(*people)
    async with world.open_client() as crm:
        await pull_all(crm)
        await crm.look([key_of(p) for p in people])
    exchanges = world.sent("POST", "/crm/v8/coql")
    assert exchanges
    place = ("paths", "/coql", "post")
    json_schema = ("content", "application/json", "schema")
    for exchange in exchanges:
        validate("coql", *place, "requestBody", *json_schema, value=json.loads(exchange.body))
        page = json.loads(exchange.answer)
        page["data"] = page["data"][:50]
        validate("coql", *place, "responses", "200", *json_schema, value=page)


@pytest.mark.parametrize(
    "query",
    [
        "select id from Leads",
        "select id from Leads where A = 1 and B = 2 and C = 3",
        "select Nope from Leads where id is not null",
        "select id from Nowhere where id is not null",
        "select id from Leads where id is not null limit 2001",
    ],
)
async def test_refused_queries_fit_the_published_specification(open_world: OpenWorld, query: str) -> None:
    world = open_world(person(1))
    async with world.open_raw() as raw:
        answer = await raw.post("/crm/v8/coql", json={"select_query": query})
    schema = ("paths", "/coql", "post", "responses", "400", "content", "application/json", "schema")
    validate("coql", *schema, value=answer.json())


async def test_updates_fit_the_published_specification(open_world: OpenWorld) -> None:
    world = open_world(person(1))
    async with world.open_client() as crm:
        await crm.write([CrmUpdate(key_of(person(1)), CrmStatus.NO_ANSWER, 1, world.clock.now())])
    exchange = world.sent("PUT", "/crm/v8/Leads")[0]
    schema = ("paths", "/{module}", "put", "requestBody", "content", "application/json", "schema")
    validate("record", *schema, value=json.loads(exchange.body))


async def test_new_fields_and_the_answers_to_them_fit_the_published_specification(open_world: OpenWorld) -> None:
    metadata = default_metadata()
    metadata["Leads"] = [meta for meta in metadata["Leads"] if not meta["custom_field"]]
    world = open_world(metadata=metadata)
    world.sim.accounts.scopes = (*SCOPES, SCOPE)
    async with open_setup(world.config(), world.tokens, world.quick_clock) as zoho:
        await zoho.create(await zoho.survey())
    async with world.open_raw() as raw:
        twice = {"fields": [{"field_label": "Call Attempts", "data_type": "integer"}]}
        await raw.post("/crm/v8/settings/fields", params={"module": "Leads"}, json=twice)
    made, refused = world.sent("POST", "/crm/v8/settings/fields")
    place = ("paths", "/settings/fields", "post")
    json_schema = ("content", "application/json", "schema")
    validate("fields", *place, "requestBody", *json_schema, value=json.loads(made.body))
    validate("fields", *place, "responses", "201", *json_schema, value=json.loads(made.answer))
    assert refused.status == 400
    validate("fields", *place, "responses", "400", *json_schema, value=json.loads(refused.answer))


@pytest.mark.parametrize("wrong", [{}, {"select_query": 1}, {"select_query": "x", "more": 1}])
def test_a_wrong_request_does_not_fit(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        validate("coql", "paths", "/coql", "post", "requestBody", "content", "application/json", "schema", value=wrong)
