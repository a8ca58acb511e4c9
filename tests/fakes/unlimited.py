"""Settings for services that a test or a benchmark loads harder than anybody is allowed to."""

from __future__ import annotations

from itertools import count

from touchline.domain.quota import Rates
from touchline.http.quotas import Quotas

MOST = 1_000_000
UNLIMITED = {
    f"LIMIT_{what}_PER_S": str(MOST)
    for what in ("ORDERS", "READS", "SIGN_INS", "ADDRESS", "HANDSHAKES")
}


def unbounded() -> Quotas:
    """Quotas that nobody meets: ten seconds pass for them from one request to the next."""
    return Quotas(Rates(), monotonic=count(0.0, 10.0).__next__)
