"""The short way of a callback: a plain request that arrived at once needs no framework to be read and answered.

Whatever is not plain, or is wrong in any way, goes the usual way, which answers it. Why two ways: the usual one costs several
times what storing a callback does (`make bench ONLY=P1`).
"""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from autodialer.domain.errors import MalformedCallback
from autodialer.ports import Clock
from autodialer.service.callbacks import CallbackDesk
from autodialer.web.answers import Answer, iso
from autodialer.web.bodies import BadBody, is_json, read_object
from autodialer.web.callbacks import taken
from autodialer.web.guards import CALLBACK_PATH, MAX_BODY
from autodialer.web.origins import EVERYWHERE, Origins
from autodialer.web.safety import SAFE_HEADERS
from autodialer.web.tokens import is_callback_token

_PLAIN = re.compile(rb"POST %b HTTP/1\.1(?:\r\n[A-Za-z0-9-]+:[\t -~]*)+" % re.escape(CALLBACK_PATH.encode()))
# They change where a body ends, what it means or what happens after it.
_UNUSUAL = frozenset({b"transfer-encoding", b"content-encoding", b"expect", b"upgrade", b"te", b"trailer"})

_KNOWN_HEADS = 256
_USUAL_HEAD = 2000  # bytes

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_THEN = iso(_EPOCH).encode()


class CallbackLane:
    """Takes plain callbacks that show CALLBACK_TOKEN as their header, ask nothing and come from where they may."""

    def __init__(
        self,
        desk: CallbackDesk,
        clock: Clock,
        token: str,
        is_question: Callable[[Mapping[str, object]], bool] = lambda _body: False,
        origins: Origins = EVERYWHERE,
    ) -> None:
        self._desk = desk
        self._is_question = is_question
        self._origins = origins
        self._clock = clock
        self._token = token
        answer = Answer(taken(_EPOCH), headers=SAFE_HEADERS)
        lines = b"".join(b"%b: %b\r\n" % header for header in answer.raw_headers)
        self._answer = lines + b"\r\n" + bytes(answer.body)
        self._fit_heads: dict[bytes, int] = {}
        self._answered: tuple[object, Sequence[tuple[bytes, bytes]], bytes] = (None, (), b"")

    @property
    def asks_whence(self) -> bool:
        """Whether `peer` is looked at."""
        return bool(self._origins.allowed)

    def admit(self, data: bytes, peer: str | None = None) -> asyncio.Future[None] | None:
        """Done when the callback in `data` is stored; None when this is to go the usual way. `peer`: the connection's other end."""
        head, _, raw = data.partition(b"\r\n\r\n")
        if self._length_by(head) != len(raw) or not self._may_come(head, peer):
            return None
        try:
            body = read_object(raw)
            return None if self._is_question(body) else self._desk.take_soon(body)
        except (BadBody, MalformedCallback):
            return None

    def lacks_body(self, data: bytes) -> bool:
        """Whether `data` is the beginning of a plain callback whose body has not come whole."""
        head, end, raw = data.partition(b"\r\n\r\n")
        length = self._length_by(head) if end else None
        return length is not None and len(raw) < length

    def answer(self, headers: Sequence[tuple[bytes, bytes]]) -> bytes:
        """The answer to one that is stored; `headers` of the server itself come first. Made once for each millisecond."""
        now = self._clock.now()
        moment = now.replace(microsecond=now.microsecond // 1000 * 1000)
        if self._answered[0] != moment or self._answered[1] is not headers:
            own = b"".join(b"%b: %b\r\n" % header for header in headers)
            answer = b"HTTP/1.1 200 OK\r\n" + own + self._answer.replace(_THEN, iso(now).encode())
            self._answered = (moment, headers, answer)
        return self._answered[2]

    def _length_by(self, head: bytes) -> int | None:
        """How long the body must be; None when the head is not plain, or does not show the token.

        One sender's heads are alike: those that were found fit are known again.
        """
        length = self._fit_heads.get(head)
        if length is None:
            headers = _plain_headers(head)
            if headers is None or not self._is_fit(headers):
                return None
            length = int(headers[b"content-length"])
            self._remember(head, length)
        return length

    def _may_come(self, head: bytes, peer: str | None) -> bool:
        if not self.asks_whence:
            return True
        forwarded = (_plain_headers(head) or {}).get(b"x-forwarded-for", b"")
        return self._origins.allows(peer, forwarded.decode("ascii"))

    def _remember(self, head: bytes, length: int) -> None:
        if len(head) <= _USUAL_HEAD:
            if len(self._fit_heads) >= _KNOWN_HEADS:
                self._fit_heads.clear()
            self._fit_heads[head] = length

    def _is_fit(self, headers: dict[bytes, bytes]) -> bool:
        length = headers.get(b"content-length", b"")
        return (
            length.isdigit()
            and len(length) < 10  # noqa: PLR2004 - int() is slow on endless ones
            and int(length) <= MAX_BODY
            and b"host" in headers
            and headers.get(b"connection", b"keep-alive").lower() == b"keep-alive"
            and is_json(headers.get(b"content-type", b"").decode("ascii"))
            and is_callback_token(headers.get(b"authorization", b"").decode("ascii"), "", self._token)
        )


def _plain_headers(head: bytes) -> dict[bytes, bytes] | None:
    """By their names in lower case; None when the head is not plain or has a header twice."""
    if _PLAIN.fullmatch(head) is None:
        return None
    _, *lines = head.split(b"\r\n")
    headers: dict[bytes, bytes] = {}
    for line in lines:
        name, _, value = line.partition(b":")
        headers[name.lower()] = value.strip(b" \t")
    return headers if len(headers) == len(lines) and _UNUSUAL.isdisjoint(headers) else None
