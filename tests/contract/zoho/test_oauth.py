import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from autodialer.domain.errors import CrmError
from autodialer.masking import Masker
from autodialer.ports import Level, StoredToken, TokenState
from autodialer.zoho.oauth import key_of as key_of_credentials
from contract.zoho.world import World, key_of, person, pull_all

OpenWorld = Callable[..., World]
INVALID = {"code": "INVALID_TOKEN", "details": {}, "message": "invalid oauth token", "status": "error"}
TOKEN_PATH = "/oauth/v2/token"


async def test_a_token_is_minted_by_a_form_stored_and_used_until_five_minutes_before_its_end(
    open_world: OpenWorld,
) -> None:
    world = open_world(person(1))
    async with world.open_client() as crm:
        await pull_all(crm)
        world.clock.advance(54 * 60)
        await pull_all(crm)
        assert world.sim.accounts.minted == 1
        world.clock.advance(90)
        await pull_all(crm)
    assert world.sim.accounts.minted == 2
    assert world.tokens.token is not None
    assert timedelta(minutes=59) < world.tokens.token.expires_at - world.clock.now() <= timedelta(hours=1)


async def test_a_stored_token_that_is_still_valid_is_used_by_a_new_process(open_world: OpenWorld) -> None:
    world = open_world(person(1))
    for _ in range(3):
        async with world.open_client() as crm:
            await pull_all(crm)
    assert world.sim.accounts.minted == 1


async def test_many_callers_and_two_processes_at_once_mint_one_token(open_world: OpenWorld) -> None:
    world = open_world(person(1))
    async with world.open_client() as one, world.open_client() as other:
        await asyncio.gather(*(pull_all(crm) for crm in (one, other) * 8))
    assert world.sim.accounts.minted == 1


async def test_callers_of_one_process_wait_for_each_other_and_bother_the_store_once(open_world: OpenWorld) -> None:
    world = open_world(person(1))
    async with world.open_client() as crm:
        await asyncio.gather(*(crm.prepare() for _ in range(8)))
        assert world.tokens.turns == 1
        world.sim.accounts.expire_all()
        await asyncio.gather(*(crm.prepare() for _ in range(8)))
    assert world.tokens.turns == 2


async def test_tokens_that_die_one_after_the_other_are_each_renewed_as_long_as_they_worked(
    open_world: OpenWorld,
) -> None:
    world = open_world(person(1))
    async with world.open_client() as crm:
        for _ in range(5):
            assert len(await pull_all(crm)) == 1
            world.sim.accounts.expire_all()
    assert world.sim.accounts.minted == 5


async def test_ten_requests_whose_token_dies_on_the_way_renew_it_once(open_world: OpenWorld) -> None:
    people = [person(i) for i in range(500)]
    world = open_world(*people, latency_seconds=0.02)
    async with world.open_client(concurrency=10, coql_concurrency=10) as crm:
        await crm.prepare()
        world.sim.accounts.expire_all()
        found = await crm.look([key_of(p) for p in people])
    assert len(found) == 500
    refused = [e for e in world.exchanges if e.status == 401]
    assert len(refused) == 10
    assert world.sim.accounts.minted == 2, "the first one, and exactly one renewal"


async def test_a_token_that_another_process_renewed_is_taken_from_the_store(open_world: OpenWorld) -> None:
    world = open_world(person(1))
    async with world.open_client() as one, world.open_client() as other:
        await pull_all(one)
        await pull_all(other)
        world.sim.accounts.expire_all()
        await pull_all(one)
        await pull_all(other)
    assert world.sim.accounts.minted == 2


async def test_a_token_that_is_refused_twice_ends_the_run_without_another_mint(open_world: OpenWorld) -> None:
    world = open_world(person(1))
    world.fault(kind="status", status=401, body=INVALID, match={"path_contains": "/crm/"}, times=0)
    async with world.open_client() as crm:
        with pytest.raises(CrmError, match="ZOHO_API_DOMAIN") as caught:
            await pull_all(crm)
        assert (caught.value.stops_run, caught.value.code) == (True, "INVALID_TOKEN")
        for _ in range(5):
            with pytest.raises(CrmError, match="ZOHO_API_DOMAIN"):
                await pull_all(crm)
    assert world.sim.accounts.minted == 2, "the first one and one renewal, never a storm"


async def test_one_request_renews_the_token_once_even_where_others_are_accepted(open_world: OpenWorld) -> None:
    world = open_world(person(1))
    world.fault(kind="status", status=401, body=INVALID, match={"path_contains": "coql"}, times=0)
    async with world.open_client() as crm:
        with pytest.raises(CrmError, match="ZOHO_API_DOMAIN"):
            await pull_all(crm)
    assert world.sim.accounts.minted == 2
    assert world.fired() == [2]


@pytest.mark.parametrize(
    ("status", "code", "named"),
    [
        (401, "OAUTH_SCOPE_MISMATCH", "ZohoCRM.coql.READ"),
        (401, "AUTHENTICATION_FAILURE", "header"),
        (403, "NO_PERMISSION", "profile"),
        (404, "INVALID_URL_PATTERN", "ZOHO_API_DOMAIN"),
    ],
)
async def test_other_refusals_are_permanent_name_what_to_fix_and_mint_nothing(
    open_world: OpenWorld, status: int, code: str, named: str
) -> None:
    world = open_world(person(1))
    body = {"code": code, "details": {}, "message": "no", "status": "error"}
    world.fault(kind="status", status=status, body=body, match={"path_contains": "coql"}, times=0)
    async with world.open_client() as crm:
        with pytest.raises(CrmError, match=named) as caught:
            await pull_all(crm)
    assert (caught.value.permanent, caught.value.stops_run, caught.value.code) == (True, True, code)
    assert world.sim.accounts.minted == 1
    assert len(world.sent("POST", "/crm/v8/coql")) == 1


async def test_a_missing_scope_is_found_by_the_simulator_as_by_zoho(open_world: OpenWorld) -> None:
    world = open_world(person(1))
    world.sim.accounts.scopes = ("ZohoCRM.settings.fields.READ", "ZohoCRM.coql.READ")
    async with world.open_client() as crm:
        with pytest.raises(CrmError) as caught:
            await pull_all(crm)
    assert caught.value.code == "OAUTH_SCOPE_MISMATCH"


@pytest.mark.parametrize(
    ("changes", "code", "named"),
    [
        ({"refresh_token": "1000.nobodys"}, "invalid_code", "ZOHO_REFRESH_TOKEN"),
        ({"client_id": "other"}, "invalid_client", "ZOHO_CLIENT_ID"),
        ({"client_secret": "wrong-secret"}, "invalid_client_secret", "ZOHO_CLIENT_SECRET"),
    ],
)
async def test_wrong_credentials_inside_a_200_are_permanent_and_name_the_setting(
    open_world: OpenWorld, changes: dict[str, Any], code: str, named: str
) -> None:
    world = open_world(person(1))
    async with world.open_client(**changes) as crm:
        with pytest.raises(CrmError, match=named) as caught:
            await pull_all(crm)
    assert (caught.value.permanent, caught.value.stops_run, caught.value.code) == (True, True, code)
    assert named in Masker().text(caught.value.message), "doctor and the log show it masked"
    assert len(world.sent("POST", TOKEN_PATH)) == 1
    assert not any(secret in caught.value.message for secret in changes.values() if secret != "other")


async def test_throttled_token_requests_cool_down_and_never_count_as_dead_credentials(open_world: OpenWorld) -> None:
    world = open_world(person(1))
    for _ in range(10):
        world.sim.accounts.mint(world.form(), world.url)
    async with world.open_client() as crm:
        with pytest.raises(CrmError) as caught:
            await pull_all(crm)
        assert not caught.value.permanent
        assert caught.value.code == "Access Denied"
        for _ in range(5):
            with pytest.raises(CrmError, match="throttles"):
                await pull_all(crm)
        assert len(world.sent("POST", TOKEN_PATH)) == 1, "no request while it cools down"
        world.clock.advance(601)
        assert len(await pull_all(crm)) == 1


async def test_a_token_about_to_end_is_used_on_while_new_ones_are_throttled(open_world: OpenWorld) -> None:
    world = open_world(person(1))
    async with world.open_client() as crm:
        await pull_all(crm)
        world.clock.advance(56 * 60)
        for _ in range(10):
            world.sim.accounts.mint(world.form(), world.url)
        assert world.sim.accounts.mint(world.form(), world.url)[0] == 400
        # Another service's ten mints have evicted ours, which is another test's matter.
        token = world.tokens.token
        assert token is not None
        refresh = world.sim.accounts._refresh_tokens[world.config().refresh_token]
        refresh.live.appendleft((token.value, token.expires_at, world.sim.accounts.scopes))
        assert len(await pull_all(crm)) == 1
    assert token.expires_at > world.clock.now()


@pytest.mark.parametrize(
    "fault", [{"kind": "html"}, {"kind": "reset"}, {"kind": "torn"}, {"kind": "status", "status": 503, "body": {}}]
)
async def test_an_outage_of_the_accounts_server_is_bridged_or_transient(
    open_world: OpenWorld, fault: dict[str, object]
) -> None:
    world = open_world(person(1))
    world.fault(**fault, match={"path_contains": TOKEN_PATH}, times=2)
    async with world.open_client() as crm:
        assert len(await pull_all(crm)) == 1
    world.sim.accounts.expire_all()
    world.tokens.states.clear()
    world.fault(**fault, match={"path_contains": TOKEN_PATH}, times=0)
    async with world.open_client() as crm:
        with pytest.raises(CrmError) as caught:
            await pull_all(crm)
    assert not caught.value.permanent


async def test_requests_for_a_token_are_timed_and_counted_like_all_others(open_world: OpenWorld) -> None:
    world = open_world(person(1))
    world.fault(kind="status", status=503, body={}, match={"path_contains": TOKEN_PATH}, times=2)
    async with world.open_client() as crm:
        await pull_all(crm)
    asked = world.upstream.state.latencies["token"]
    assert (asked.requests, asked.failed) == (3, 2)
    assert (world.upstream.state.is_failing, "503" in world.upstream.state.last_error) == (False, True)


async def test_an_error_word_that_nobody_documented_stops_the_run_but_is_not_for_ever(open_world: OpenWorld) -> None:
    world = open_world(person(1))
    world.fault(kind="status", status=200, body={"error": "general_error"}, match={"path_contains": TOKEN_PATH})
    async with world.open_client() as crm:
        with pytest.raises(CrmError, match="general_error") as caught:
            await pull_all(crm)
        assert (caught.value.permanent, caught.value.stops_run) == (False, True)
        world.clock.advance(6)
        assert len(await pull_all(crm)) == 1


async def test_a_token_for_another_api_host_is_warned_about_and_never_followed(open_world: OpenWorld) -> None:
    world = open_world(person(1))
    elsewhere = "https://www.zohoapis.example"
    first = world.sim.accounts.mint(world.form(), elsewhere)[1]
    world.fault(kind="status", status=200, body=first, match={"path_contains": TOKEN_PATH})
    async with world.open_client() as crm:
        findings = await crm.check()
        assert len(await pull_all(crm)) == 1
    async with world.open_client() as restarted:
        later = await restarted.check()
    for found in (findings, later):
        assert any(f.level is Level.WARNING and elsewhere in f.message for f in found)


async def test_doctor_names_the_scopes_that_the_grant_lacks_also_for_a_token_of_another_process(
    open_world: OpenWorld,
) -> None:
    world = open_world(person(1))
    world.sim.accounts.scopes = tuple(s for s in world.sim.accounts.scopes if not s.endswith("leads.UPDATE"))
    for _ in range(2):
        async with world.open_client() as crm:
            lacking = [f for f in await crm.check() if f.level is Level.PROBLEM]
        assert ["ZohoCRM.modules.leads.UPDATE" in f.message for f in lacking] == [True]
        assert "autodialer zoho login" in lacking[0].remedy
    assert world.sim.accounts.minted == 1


async def test_doctor_says_nothing_of_scopes_that_zoho_does_not_tell(open_world: OpenWorld) -> None:
    world = open_world(person(1))
    said = world.sim.accounts.mint(world.form(), world.url)[1] | {"scope": ""}
    world.fault(kind="status", status=200, body=said, match={"path_contains": TOKEN_PATH})
    async with world.open_client() as crm:
        assert not [f for f in await crm.check() if f.level is Level.PROBLEM]


async def test_callers_do_not_wait_for_a_slow_renewal_while_their_token_holds(open_world: OpenWorld) -> None:
    world = open_world(person(1))
    async with world.open_client() as crm:
        await pull_all(crm)
        world.clock.advance(56 * 60)
        world.fault(kind="slow", delay_seconds=1.0, match={"path_contains": TOKEN_PATH})
        renewing = asyncio.create_task(pull_all(crm))
        await asyncio.sleep(0.1)
        assert len(await pull_all(crm)) == 1
        assert crm._tokens._lock.locked(), "the renewal is still under way"
        assert len(await renewing) == 1
    assert world.sim.accounts.minted == 2


async def test_an_outage_at_renewal_costs_few_requests_while_the_old_token_holds(open_world: OpenWorld) -> None:
    world = open_world(person(1))
    async with world.open_client() as crm:
        await pull_all(crm)
        world.clock.advance(56 * 60)
        world.fault(kind="html", status=503, match={"path_contains": TOKEN_PATH}, times=0)
        for _ in range(20):
            assert len(await pull_all(crm)) == 1
            world.clock.advance(2)
    assert 3 < world.fired()[0] <= 7, "three tries, then pauses of 5, 15 and 45 seconds"


async def test_a_redirect_is_not_followed(open_world: OpenWorld) -> None:
    world = open_world(person(1))
    location = {"Location": f"{world.url}/crm/v8/Leads?fields=id"}
    world.fault(kind="status", status=302, headers=location, match={"path_contains": "coql"})
    async with world.open_client() as crm:
        with pytest.raises(CrmError, match="redirect") as caught:
            await pull_all(crm)
    assert caught.value.permanent
    assert world.sent("GET", "/crm/v8/Leads") == []


async def test_an_expired_stored_token_is_replaced(open_world: OpenWorld) -> None:
    world = open_world(person(1))
    old = StoredToken("1000.old.old", world.clock.now() - timedelta(seconds=1))
    world.tokens.states[key_of_credentials(world.config())] = TokenState(old)
    async with world.open_client() as crm:
        await pull_all(crm)
    assert world.sim.accounts.minted == 1
    assert world.tokens.token not in (None, old)
