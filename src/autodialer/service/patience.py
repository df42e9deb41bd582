"""How long somebody who asks for something by hand waits for a CRM that fails: its adapter would go on trying for much longer."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from autodialer.domain.errors import CrmError
from autodialer.service.upstreams import Upstream

T = TypeVar("T")
PATIENCE: Final = 3.0  # seconds
_LOOK_EVERY: Final = 0.1


async def unless_failing(work: Coroutine[Any, Any, T], upstream: Upstream | None) -> T:
    """What `work` comes to, however slow the CRM is. CrmError after PATIENCE once the last that was heard of it was bad."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task}, timeout=PATIENCE)
        while not task.done():
            if upstream is not None and upstream.state.is_failing:
                raise CrmError(f"Zoho fails: {upstream.state.last_error}", permanent=False)
            await asyncio.wait({task}, timeout=_LOOK_EVERY)
        return task.result()
    finally:
        task.cancel()
