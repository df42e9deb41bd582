"""What a provider brings along so that tests/contract/telephony can try its adapter (docs/adding-a-provider.md)."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal, Protocol

from autodialer.domain.placing import Scope
from autodialer.ports import Telephony
from autodialer.simulators.faults import Fault

End = Literal["answered", "no_answer", "busy", "failed"]
Telling = Literal["once", "twice", "early", "late", "never"]


class Kit(Protocol):
    """The provider's simulator, running, and an adapter that speaks to it and whose events are collected.

    `events`: everything that came, in the form in which the service stores it, oldest first. `refusals`: the scopes of refusal that
    the provider has. `listens`: whether results are fetched, not posted. Numbers are E.164; what they do is scripted before they
    are called.
    """

    adapter: Telephony
    refusals: frozenset[Scope]
    listens: bool

    @property
    def events(self) -> Sequence[Mapping[str, Any]]:
        """See above."""
        ...

    def script(self, number: str, end: End, telling: Telling = "once") -> None:
        """The next call to `number` ends so, and so often, soon or late its events come."""
        ...

    def refuse(self, number: str, scope: Scope) -> None:
        """The next call to `number` is refused, in the provider's own words, by this scope."""
        ...

    def throttle(self, seconds: int) -> None:
        """The next call is one too many: come again in so many seconds."""
        ...

    def fault(self, fault: Fault) -> None:
        """The next request that places a call meets this; its `match` is the kit's to fill in."""
        ...

    def calls(self) -> Sequence[tuple[str, str]]:
        """The calls that the provider took: (session id, number)."""
        ...

    def elsewhere(self, url: str, **changes: Any) -> AbstractAsyncContextManager[Telephony]:
        """The same adapter for another address, ready to place; `changes` are to its config."""
        ...

    def without_settings(self) -> AbstractAsyncContextManager[Telephony]:
        """The same adapter with nothing set but its address."""
        ...


Start = Callable[[], AbstractAsyncContextManager[Kit]]
