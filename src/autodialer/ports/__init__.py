"""What the use cases need; adapters implement it. `outside`: Zoho, 8x8, time. `ledger`: the store."""

from autodialer.ports.outside import (
    Clock,
    Crm,
    Finding,
    Heard,
    Level,
    Log,
    StoredToken,
    Take,
    Telephony,
    TokenStore,
)

__all__ = ["Clock", "Crm", "Finding", "Heard", "Level", "Log", "StoredToken", "Take", "Telephony", "TokenStore"]
