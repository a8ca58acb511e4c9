"""The codes that a ws-server closes connections with; those of breaches are wsproto's.

Source: docs/protocol.md, "Limits and close codes".
"""

from __future__ import annotations

INTERNAL = 1011
PING_UNANSWERED = 1011
GOING_AWAY = 1012  #: service restart
BAD_MESSAGE = 4400
SESSION_ENDED = 4401
SLOW_CONSUMER = 4408
RATE_LIMITED = 4429
