"""Which of several forms of an answer a client would rather have."""

from __future__ import annotations

from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

#: Characters; browsers send 150. What Werkzeug makes of a longer one takes it the square of them.
ACCEPT_MAX = 1_000


def rather(accept: str | None, *forms: str) -> str:
    """That of *forms* (media types) which the header *accept* prefers; else the first."""
    if not accept or len(accept) > ACCEPT_MAX:
        return forms[0]
    return parse_accept_header(accept, MIMEAccept).best_match(forms, default=forms[0]) or forms[0]
