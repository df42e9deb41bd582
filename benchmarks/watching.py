"""Open consoles: each shows the run that is going, and asks for the live parts of its page as a browser does, until it is ended."""

import asyncio
import sys

import httpx2

_LIVE_EVERY = 2.0  # seconds, as the pages say
_STATE_EVERY = 5.0


async def main(url: str, token: str, consoles: int) -> None:
    """So many, begun one after the other."""
    async with httpx2.AsyncClient(base_url=url, trust_env=False, timeout=60) as client:
        answer = await client.post("/console/sign-in", data={"name": "", "password": token})
        cookies = dict(answer.cookies)
        run_id = (await client.get("/api/runs?limit=1", headers={"authorization": f"Bearer {token}"})).json()["runs"][
            0
        ]["run_id"]
    watching = []
    for number in range(consoles):
        await asyncio.sleep(_LIVE_EVERY / consoles)
        part = f"/console/runs/{run_id}/live" if number % 2 else "/console/live"
        watching += [_ask(url, cookies, part, _LIVE_EVERY), _ask(url, cookies, "/console/state", _STATE_EVERY)]
    await asyncio.gather(*watching)


async def _ask(url: str, cookies: dict[str, str], path: str, every: float) -> None:
    async with httpx2.AsyncClient(base_url=url, cookies=cookies, trust_env=False, timeout=60) as client:
        while True:
            answer = await client.get(path, headers={"hx-request": "true"})
            assert answer.status_code == 200, f"{path}: {answer.status_code}"
            await asyncio.sleep(every)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
