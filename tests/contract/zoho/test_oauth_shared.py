"""One token for all replicas of a deployment: the real client, the real store on both databases, the simulated Zoho."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from autodialer.domain.errors import CrmError
from autodialer.store.engine import Database
from autodialer.store.tokens import SqlTokenStore
from autodialer.zoho.client import ZohoCrm
from autodialer.zoho.oauth import key_of
from contract.zoho.test_oauth import INVALID, TOKEN_PATH
from contract.zoho.world import QuickClock, World, person, pull_all
from contract.zoho.world import key_of as record_key

OpenWorld = Callable[..., World]
replicas_only = pytest.mark.parametrize("backend", ["postgresql"])  # the others run on both databases
_REPLICA = """
import asyncio, sys
from autodialer.clock import SystemClock
from autodialer.store.engine import Database
from autodialer.store.tokens import SqlTokenStore
from autodialer.zoho.client import ZohoCrm
from autodialer.zoho.config import ZohoConfig

async def main(url, zoho, client_id, secret, refresh):
    config = ZohoConfig(client_id=client_id, client_secret=secret, refresh_token=refresh, api_domain=zoho, accounts_url=zoho)
    crm = ZohoCrm(config, SqlTokenStore(Database(url), lease_seconds=1.0), SystemClock())
    print("ready", flush=True)
    sys.stdin.readline()
    print("token", await crm._tokens.current(), flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture
def replicas(backend: str, ledger_url: str) -> Iterator[list[Database]]:
    """What three replicas have of the ledger: connections of their own; one process has all of a SQLite file."""
    opened = [Database(ledger_url) for _ in range(3 if backend == "postgresql" else 1)]
    yield opened * (3 // len(opened))
    for database in opened:
        database.close()


@asynccontextmanager
async def clients(world: World, databases: list[Database], **changes: Any) -> AsyncIterator[list[ZohoCrm]]:
    """A client for each, with a store and a clock of its own."""
    async with AsyncExitStack() as stack:
        stores = [SqlTokenStore(database, lease_seconds=1.0) for database in databases]
        yield [await stack.enter_async_context(world.open_client(tokens=store, **changes)) for store in stores]


async def test_replicas_that_start_at_once_mint_one_token(open_world: OpenWorld, replicas: list[Database]) -> None:
    world = open_world(person(1))
    world.fault(kind="slow", delay_seconds=0.1, match={"path_contains": TOKEN_PATH}, times=0)
    async with clients(world, replicas) as crms:
        await asyncio.gather(*(pull_all(crm) for crm in crms * 4))
    assert len(world.sent("POST", TOKEN_PATH)) == 1


async def test_replicas_whose_token_dies_at_once_mint_one_more(open_world: OpenWorld, replicas: list[Database]) -> None:
    world = open_world(person(1))
    async with clients(world, replicas) as crms:
        for minted in range(1, 5):
            await asyncio.gather(*(pull_all(crm) for crm in crms * 2))
            assert world.sim.accounts.minted == minted
            world.sim.accounts.expire_all()


async def test_a_restart_mints_nothing_while_a_valid_token_is_stored(
    open_world: OpenWorld, replicas: list[Database]
) -> None:
    world = open_world(person(1))
    for _ in range(4):
        async with clients(world, replicas[:1]) as (crm,):
            await pull_all(crm)
            world.clock.advance(13 * 60)
    assert len(world.sent("POST", TOKEN_PATH)) == 1


async def test_that_a_token_worked_is_known_after_a_restart_so_that_its_end_is_no_quarrel(
    open_world: OpenWorld, replicas: list[Database]
) -> None:
    world = open_world(person(1))
    for minted in range(1, 4):
        async with clients(world, replicas[:1]) as (crm,):
            assert len(await pull_all(crm)) == 1
        assert world.sim.accounts.minted == minted
        world.sim.accounts.expire_all()


async def test_changed_credentials_do_not_go_on_with_the_old_token(
    open_world: OpenWorld, replicas: list[Database]
) -> None:
    world = open_world(person(1))
    async with clients(world, replicas[:1]) as (crm,):
        await pull_all(crm)
    old = await SqlTokenStore(replicas[0]).load(key_of(world.config()))
    code = world.sim.accounts.issue_code()
    form = world.form(grant_type="authorization_code", code=code)
    refresh_token = world.sim.accounts.mint(form, world.url)[1]["refresh_token"]
    before = world.sim.accounts.minted
    async with clients(world, replicas[:1], refresh_token=refresh_token) as (crm,):
        await pull_all(crm)
        await pull_all(crm)
    assert world.sim.accounts.minted == before + 1
    new = await SqlTokenStore(replicas[0]).load(key_of(world.config(refresh_token=refresh_token)))
    assert old.token is not None
    assert new.token not in (None, old.token)
    async with clients(world, replicas[:1], refresh_token="1000.wrong") as (crm,):
        with pytest.raises(CrmError, match="invalid_code"):
            await pull_all(crm)


@replicas_only
async def test_in_a_day_of_steady_work_two_replicas_mint_once_in_55_minutes(
    open_world: OpenWorld, replicas: list[Database]
) -> None:
    someone = person(1)
    world = open_world(someone)
    began, minted, instants = world.clock.now(), 0, []
    async with clients(world, replicas[:2]) as crms:
        while world.clock.now() < began + timedelta(days=1):
            await asyncio.gather(*(crm.look([record_key(someone)]) for crm in crms))
            if world.sim.accounts.minted > minted:
                minted += 1
                instants.append(world.clock.now())
            world.clock.advance(27.5 * 60)
    assert world.sim.accounts.minted == minted == 27, "24 hours, 55 minutes each"
    assert min(b - a for a, b in pairwise(instants)) >= timedelta(minutes=55)
    assert [exchange for exchange in world.exchanges if exchange.status == 401] == []


@replicas_only
async def test_while_zoho_throttles_all_replicas_together_ask_once_a_pause(
    open_world: OpenWorld, replicas: list[Database]
) -> None:
    world = open_world(person(1))
    for _ in range(10):
        world.sim.accounts.mint(world.form(), world.url)
    before = world.sim.accounts.minted
    asked = []
    async with clients(world, replicas) as crms:
        for _ in range(29):
            results = await asyncio.gather(*(pull_all(crm) for crm in crms), return_exceptions=True)
            assert all(isinstance(result, CrmError) and not result.permanent for result in results)
            asked.append(len(world.sent("POST", TOKEN_PATH)))
            world.clock.advance(20)
        assert world.sim.accounts.minted == before
        world.clock.advance(600)
        await asyncio.gather(*(pull_all(crm) for crm in crms))
    assert asked[2] == 1, "one request in the first minute"
    assert asked[-1] == 4, "pauses of 60, 120 and 240 seconds"
    assert world.sim.accounts.minted == before + 1


@replicas_only
@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"kind": "html", "status": 503}, "no_token"),
        ({"kind": "status", "status": 200, "body": {"error": "invalid_code"}}, "invalid_code"),
        ({"kind": "status", "status": 200, "body": {"error": "general_error"}}, "general_error"),
    ],
)
async def test_whatever_goes_wrong_all_replicas_together_stay_within_ten_requests_in_ten_minutes(
    open_world: OpenWorld, replicas: list[Database], fault: dict[str, Any], code: str
) -> None:
    world = open_world(person(1))
    world.fault(**fault, match={"path_contains": TOKEN_PATH}, times=0)
    clock = QuickClock(world.clock)
    async with clients(world, replicas, clock=clock) as crms:
        began = world.clock.now()
        while world.clock.now() < began + timedelta(minutes=10):
            for crm in crms:
                with pytest.raises(CrmError) as caught:
                    await crm.prepare()
                assert caught.value.code == code
            world.clock.advance(25)
        asked = len(world.sent("POST", TOKEN_PATH))
        assert 3 <= asked <= 10
        world.sim.gate.faults.clear()
        world.clock.advance(301)
        await asyncio.gather(*(pull_all(crm) for crm in crms))
    assert world.sim.accounts.minted == 1


@replicas_only
async def test_a_token_that_zoho_never_accepts_is_not_minted_again_by_each_replica(
    open_world: OpenWorld, replicas: list[Database]
) -> None:
    world = open_world(person(1))
    world.fault(kind="status", status=401, body=INVALID, match={"path_contains": "/crm/"}, times=0)
    async with clients(world, replicas) as crms:
        for crm in crms * 3:
            with pytest.raises(CrmError, match="ZOHO_API_DOMAIN"):
                await pull_all(crm)
        assert world.sim.accounts.minted == 2
        for _ in range(10):
            world.clock.advance(60)
            for crm in crms:
                with pytest.raises(CrmError):
                    await crm.prepare()
    assert world.sim.accounts.minted <= 6, "after 1, 2, 4 minutes …, not at each request"


async def test_while_another_replica_asks_a_token_that_still_holds_is_used_on(
    open_world: OpenWorld, replicas: list[Database]
) -> None:
    world = open_world(person(1))
    async with clients(world, replicas[:1]) as (crm,):
        await pull_all(crm)
        world.clock.advance(56 * 60)
        async with SqlTokenStore(replicas[1], lease_seconds=1.0).turn(key_of(world.config())) as turn:
            assert turn is not None
            assert len(await pull_all(crm)) == 1
        assert world.sim.accounts.minted == 1
        assert len(await pull_all(crm)) == 1
    assert world.sim.accounts.minted == 2


async def test_lifetimes_in_milliseconds_and_short_ones_do_not_lead_to_a_mint_at_each_request(
    open_world: OpenWorld, replicas: list[Database]
) -> None:
    world = open_world(person(1))
    world.sim.accounts.in_milliseconds = True
    async with clients(world, replicas[:1]) as (crm,):
        await pull_all(crm)
        world.clock.advance(54 * 60)
        await pull_all(crm)
        assert world.sim.accounts.minted == 1
        world.clock.advance(120)
        short = world.sim.accounts.mint(world.form(), world.url)[1] | {"expires_in": 60_000, "expires_in_sec": 60}
        world.fault(kind="status", status=200, body=short, match={"path_contains": TOKEN_PATH})
        for _ in range(10):
            await pull_all(crm)
    assert len(world.sent("POST", TOKEN_PATH)) == 2


@asynccontextmanager
async def process(world: World, url: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A replica as a process of its own, ready to ask for a token; dead in the end."""
    config = world.config()
    more = [url, world.url, config.client_id, config.client_secret, config.refresh_token]
    started = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _REPLICA, *more, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert started.stdout is not None
        assert await started.stdout.readline() == b"ready\n"
        yield started
    finally:
        if started.returncode is None:
            started.kill()
        await started.communicate()


async def tell(replica: asyncio.subprocess.Process) -> str:
    """Let it ask for a token; the token, "" when it died."""
    assert replica.stdin is not None
    assert replica.stdout is not None
    replica.stdin.write(b"\n")
    async with asyncio.timeout(20):
        lines = [line async for line in replica.stdout]
    return next((line.split()[1].decode() for line in lines if line.startswith(b"token ")), "")


@pytest.mark.soak  # three starts of Python
@replicas_only
async def test_processes_that_ask_at_once_get_one_token_and_a_killed_one_is_succeeded(
    open_world: OpenWorld, ledger_url: str
) -> None:
    world = open_world()
    world.fault(kind="slow", delay_seconds=20, match={"path_contains": TOKEN_PATH}, times=1)
    async with (
        process(world, ledger_url) as first,
        process(world, ledger_url) as second,
        process(world, ledger_url) as third,
    ):
        asking = asyncio.create_task(tell(first))
        while world.sim.gate.faults.report()[0]["fired"] == 0:  # noqa: ASYNC110 - another process is waited for
            await asyncio.sleep(0.02)
        others = [asyncio.create_task(tell(replica)) for replica in (second, third)]
        await asyncio.sleep(1.5)
        assert not any(task.done() for task in others), "its lease is kept while it waits for Zoho"
        first.kill()
        tokens = await asyncio.gather(*others)
        assert await asking == ""
    assert tokens[0] == tokens[1] != ""
    assert tokens[0] in world.sim.accounts.live()
    assert len(world.sent("POST", TOKEN_PATH)) <= 2, "the killed one's, and one for both others"
