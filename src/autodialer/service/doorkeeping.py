"""Signing in to the console: users with a role, or API_TOKEN, which acts as an operator; who is asking."""

import asyncio
import hashlib
import hmac
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from autodialer.domain.access import LONGEST_NAME, Action, Role
from autodialer.domain.errors import DialerError
from autodialer.domain.record import mask_name
from autodialer.ports import Clock, Log
from autodialer.ports.access import SignIn
from autodialer.ports.ledger import Ledger, Store
from autodialer.service.passwords import hash_password, is_password

STAYS = timedelta(hours=12)  # from signing in until one has to do it again
BY_TOKEN = "API_TOKEN"  # noqa: S105 - who signed in with it, as the audit trail names him
NOBODY_ELSE = "this machine"  # who asks where no token is set and only this machine is answered
_WRONG = "the name or the password is wrong"
_TRIES = 5  # wrong ones for one name before it has to wait
_WAIT = timedelta(seconds=30)
_KEPT = timedelta(hours=1)  # until when wrong tries count
_MOST_NAMES = 1000
_MOST_WAITING = 8  # sign-ins at once: each costs memory and a fifth of a second


class NotLetIn(DialerError):
    """The name or the password is wrong, or there were too many tries."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who is asking. `csrf`: what each of his forms carries, so that no other site can send one for him."""

    name: str
    role: Role
    csrf: str = field(repr=False)

    @property
    def is_operator(self) -> bool:
        """Whether he may act and sees personal data."""
        return self.role is Role.OPERATOR


class Doorkeeper:
    """`api_token` None: nobody is asked who he is, since only this machine is answered."""

    def __init__(self, store: Store, clock: Clock, log: Log, api_token: str | None) -> None:
        self._store = store
        self._clock = clock
        self._log = log
        self._api_token = api_token
        self._local = Visitor(NOBODY_ELSE, Role.OPERATOR, secrets.token_urlsafe(24))
        self._one_at_a_time = asyncio.Semaphore(1)
        self._waiting = 0
        self._tries: OrderedDict[str, tuple[int, datetime]] = OrderedDict()  # that were not right, the oldest first
        self._decoy: str | None = None

    async def sign_in(self, name: str, password: str, peer: str | None = None) -> str:
        """The secret of a new cookie. An empty `name` means API_TOKEN as the password. NotLetIn says why not, as does the log.

        `peer`: whence he asks, for the log. It shows no more than initials of the name: some type their password there.
        """
        now = self._clock.now()
        shown = name or BY_TOKEN
        try:
            made_with = await self._admit(name, password, now)
        except NotLetIn as refusal:
            who = mask_name(name) if name else BY_TOKEN
            self._log.warning("sign-in refused", who=who, peer=peer, reason=refusal.message)
            raise
        self._tries.pop(shown, None)
        token = secrets.token_urlsafe(32)
        sign_in = SignIn(_hash(token), shown, made_with, now, now + STAYS)

        def remember(ledger: Ledger) -> None:
            ledger.sign_ins.add(sign_in)
            ledger.audit.add(now, shown, Action.SIGN_IN)

        await self._store.write(remember)
        return token

    async def visitor(self, token: str | None) -> Visitor | None:
        """Who has this cookie; None when he has to sign in."""
        if self._api_token is None:
            return self._local
        if not token:
            return None
        hashed = _hash(token)
        found = await self._store.read(lambda ledger: self._known(ledger, hashed))
        if found is None:
            return None
        name, role = found
        return Visitor(name, role, _hash(f"csrf {token}"))

    async def sign_out(self, token: str, who: str) -> None:
        """The cookie is worth nothing from now on."""
        now = self._clock.now()

        def forget(ledger: Ledger) -> None:
            ledger.sign_ins.remove(_hash(token))
            ledger.audit.add(now, who, Action.SIGN_OUT)

        await self._store.write(forget)

    def _known(self, ledger: Ledger, hashed: str) -> tuple[str, Role] | None:
        """A user's role is the one that he has now; a changed password or token ends what it was used for."""
        sign_in = ledger.sign_ins.get(hashed)
        if sign_in is None or sign_in.ends_at <= self._clock.now():
            return None
        if sign_in.name == BY_TOKEN:
            is_same = hmac.compare_digest(sign_in.made_with, _hash(self._api_token or ""))
            return (BY_TOKEN, Role.OPERATOR) if is_same else None
        user = ledger.users.get(sign_in.name)
        if user is None or not hmac.compare_digest(sign_in.made_with, _hash(user.password)):
            return None
        return user.name, user.role

    async def _admit(self, name: str, password: str, now: datetime) -> str:
        """What the cookie was made with."""
        if len(name) > LONGEST_NAME:  # nobody has it, and it is not kept
            raise NotLetIn(_WRONG, permanent=True)
        if name and self._waiting >= _MOST_WAITING:  # API_TOKEN costs nothing to look at
            raise NotLetIn("too many sign-ins at once: try again in some seconds", permanent=False)
        if name:  # API_TOKEN can't be guessed, and nobody is to be kept out who has it
            self._count_try(name, now)
        made_with = await self._made_with(name, password) if name else self._token_print(password.strip())
        if made_with is None:
            raise NotLetIn(_WRONG, permanent=True)
        return made_with

    def _count_try(self, name: str, now: datetime) -> None:
        """Before it is known to be wrong: others may come meanwhile."""
        while self._tries and not _is_within(_KEPT, next(iter(self._tries.values()))[1], now):
            self._tries.popitem(last=False)
        tries, last = self._tries.get(name, (0, now))
        if tries >= _TRIES and _is_within(_WAIT, last, now):
            raise NotLetIn(f"too many tries: wait {_WAIT.seconds} seconds", permanent=False)
        self._tries[name] = (tries + 1, now)
        self._tries.move_to_end(name)
        if len(self._tries) > _MOST_NAMES:
            self._tries.popitem(last=False)

    def _token_print(self, password: str) -> str | None:
        given, wanted = _hash(password), _hash(self._api_token or "")
        return wanted if hmac.compare_digest(given, wanted) else None

    async def _made_with(self, name: str, password: str) -> str | None:
        """Takes as long for a name that does not exist."""
        self._waiting += 1
        try:
            user = await self._store.read(lambda ledger: ledger.users.get(name))
            async with self._one_at_a_time:
                if self._decoy is None:
                    self._decoy = await asyncio.to_thread(hash_password, secrets.token_hex())
                hashed = user.password if user else self._decoy
                is_right = await asyncio.to_thread(is_password, password, hashed)
        finally:
            self._waiting -= 1
        return _hash(hashed) if is_right and user is not None else None


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _is_within(wait: timedelta, last: datetime, now: datetime) -> bool:
    return last <= now < last + wait
