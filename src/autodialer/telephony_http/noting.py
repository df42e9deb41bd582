"""What the outcome of a call says of 8x8 itself."""

from autodialer.domain.placing import PlaceOutcome, Refused, Scope, Throttled
from autodialer.service.upstreams import Upstream


def note_outcome(upstream: Upstream, outcome: PlaceOutcome) -> None:
    """That it wants to be left alone for a while, or makes no call at all for this account; what concerns one call is left out."""
    if isinstance(outcome, Throttled):
        upstream.pauses(outcome.retry_after)
    elif isinstance(outcome, Refused) and outcome.scope is Scope.ACCOUNT:
        upstream.fails(f"8x8 refuses all calls: {outcome.code} {outcome.message} {outcome.remedy}".strip())
