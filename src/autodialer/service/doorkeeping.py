"""Signing in to the console: users with a role, or API_TOKEN, which acts as an operator; who is asking."""

import asyncio
import hashlib
import hmac
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from autodialer.domain.access import Action, Role
from autodialer.domain.errors import DialerError
from autodialer.ports import Clock, Log
from autodialer.ports.access import SignIn, User
from autodialer.ports.ledger import Ledger, Store
from autodialer.service.passwords import hash_password, is_password

STAYS = timedelta(hours=12)  # from signing in until one has to do it again
BY_TOKEN = "API_TOKEN"  # noqa: S105 - who signed in with it, as the audit trail names him
NOBODY_ELSE = "this machine"  # who asks where no token is set and only this machine is answered
_TRIES = 5  # wrong ones for one name before it has to wait
_WAIT = timedelta(seconds=30)
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
        self._wrong: OrderedDict[str, tuple[int, datetime]] = OrderedDict()
        self._decoy: str | None = None

    async def sign_in(self, name: str, password: str) -> str:
        """The secret of a new cookie. An empty `name` means API_TOKEN as the password. NotLetIn says why not."""
        now = self._clock.now()
        shown = name or BY_TOKEN
        self._refuse_haste(shown, now)
        user = await self._store.read(lambda ledger: ledger.users.get(name)) if name else None
        made_with = await self._made_with(user, password) if name else self._token_print(password)
        if made_with is None:
            tries = self._wrong.get(shown, (0, now))[0] + 1
            self._wrong[shown] = (tries, now)
            if len(self._wrong) > _MOST_NAMES:
                self._wrong.popitem(last=False)
            self._log.warning("sign-in refused", tries=tries)
            raise NotLetIn("the name or the password is wrong", permanent=True)
        self._wrong.pop(shown, None)
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

    def _refuse_haste(self, name: str, now: datetime) -> None:
        tries, last = self._wrong.get(name, (0, now))
        if tries >= _TRIES and last <= now < last + _WAIT:
            raise NotLetIn(f"too many tries: wait {_WAIT.seconds} seconds", permanent=False)
        if self._waiting >= _MOST_WAITING:
            raise NotLetIn("too many sign-ins at once: try again in some seconds", permanent=False)

    def _token_print(self, password: str) -> str | None:
        given, wanted = _hash(password), _hash(self._api_token or "")
        return wanted if hmac.compare_digest(given, wanted) else None

    async def _made_with(self, user: User | None, password: str) -> str | None:
        """Takes as long for a name that does not exist."""
        self._waiting += 1
        try:
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
