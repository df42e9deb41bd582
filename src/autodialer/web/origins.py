"""Where callbacks may come from: a list of addresses, looked at behind the proxies that are trusted (off by default)."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from autodialer.ports import Log
from autodialer.web.answers import failure
from autodialer.web.guards import CALLBACK_PATH, CLOSE

_Network = IPv4Network | IPv6Network
_MOST_HOPS = 20


@dataclass(frozen=True, slots=True)
class Origins:
    """`allowed`: who may send callbacks; none means everybody. `proxies`: whose X-Forwarded-For is believed."""

    allowed: tuple[_Network, ...] = ()
    proxies: tuple[_Network, ...] = ()

    @classmethod
    def of(cls, allowed: Sequence[str], proxies: Sequence[str]) -> "Origins":
        """From addresses and networks as text. ValueError."""
        return cls(tuple(map(_network, allowed)), tuple(map(_network, proxies)))

    def allows(self, peer: str | None, forwarded_for: str) -> bool:
        """Whether a callback over a connection from `peer`, with this X-Forwarded-For, comes from an address on the list."""
        if not self.allowed:
            return True
        sender = self._sender(peer, forwarded_for)
        return sender is not None and any(sender in network for network in self.allowed)

    def _sender(self, peer: str | None, forwarded_for: str) -> IPv4Address | IPv6Address | None:
        """The last address that no trusted proxy vouches for: what stands before it anybody can have written."""
        hops = [hop.strip() for hop in forwarded_for.split(",") if hop.strip()][-_MOST_HOPS:]
        for hop in (peer or "", *reversed(hops)):
            address = _address(hop)
            if address is None or not any(address in network for network in self.proxies):
                return address
        return None


EVERYWHERE = Origins()


class OriginGuard:
    """403 for a callback from elsewhere."""

    def __init__(self, app: ASGIApp, *, origins: Origins, log: Log) -> None:
        self._app = app
        self._origins = origins
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == CALLBACK_PATH:
            forwarded = ", ".join(Headers(scope=scope).getlist("x-forwarded-for"))
            peer = (scope.get("client") or (None,))[0]
            if not self._origins.allows(peer, forwarded):
                self._log.warning("callback from an address that is not on the list", peer=peer)
                answer = failure(403, "callbacks are not taken from this address (CALLBACK_ALLOWED_IPS)", headers=CLOSE)
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _network(text: str) -> _Network:
    return ip_network(text.strip(), strict=False)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text.strip("[]"))
    except ValueError:
        return None
    return (address.ipv4_mapped if isinstance(address, IPv6Address) else None) or address
