"""What the use cases need; adapters implement it. `outside`: Zoho, 8x8, time. `ledger`: the store."""

from autodialer.ports.outside import (
    Clock,
    Crm,
    CrmUsage,
    Finding,
    Heard,
    Level,
    Log,
    ReadCallback,
    Take,
    Telephony,
)
from autodialer.ports.tokens import MintingTurn, StoredToken, TokenState, TokenStore

__all__ = [
    "Clock",
    "Crm",
    "CrmUsage",
    "Finding",
    "Heard",
    "Level",
    "Log",
    "MintingTurn",
    "ReadCallback",
    "StoredToken",
    "Take",
    "Telephony",
    "TokenState",
    "TokenStore",
]
