"""Settings for services that a test or a benchmark loads harder than anybody is allowed to."""

from __future__ import annotations

from touchline.domain.quota import Rates

MOST = 1_000_000
UNLIMITED = {
    f"LIMIT_{what}_PER_S": str(MOST)
    for what in ("ORDERS", "READS", "SIGN_INS", "ADDRESS", "HANDSHAKES")
}
UNBOUNDED = Rates(orders=MOST, reads=MOST, sign_ins=MOST, address=MOST, handshakes=MOST)
