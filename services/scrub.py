"""Takes secrets out of what is about to be written down, wherever in it they are.

By name, where a field or a part of a text is named like a secret; and by shape,
for whoever logs a token does not call it one. What is hidden becomes `…`. It is
the last guard and not the first: nothing should log a secret at all.

Every pattern is linear in the text, and the text is bounded, so that no line
can keep the event loop from its work.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import lru_cache

HIDDEN = "…"
#: Field names whose values never reach a log, whoever passes them; also as the end of a longer
#: name, such as api_token.
SECRET_FIELDS = frozenset(
    {
        *("authorization", "cookie", "password", "passwd", "private_key", "previous_key", "secret"),
        *("ticket", "token", "api_key"),
    }
)
DEPTH = 6  #: containers within containers; what is deeper is written as its repr
ITEMS = 100  #: of one container
TEXT = 16_384  #: characters of one value
OVERLAP = 4_096  #: read beyond that, so that no secret is cut in half and not recognized

_NAMES = "|".join(sorted(SECRET_FIELDS))
_QUOTED = r"""'(?:[^'\\]|\\.){0,4096}'|"(?:[^"\\]|\\.){0,4096}\""""
#: Each with what it becomes. The name stays, so that a reader sees what was there.
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    # A PEM block, whole or cut off; line ends may have been escaped.
    (
        re.compile(r"-----BEGIN [A-Z0-9 ]{1,40}-----.*?(?:-----END [A-Z0-9 ]{1,40}-----|\Z)", re.S),
        HIDDEN,
    ),
    # The password of a URL: everything from the colon to the last @ before a space.
    (re.compile(r"(://[^\s/:@'\"]{0,256}:)[^\s'\"<>]{1,512}@"), rf"\1{HIDDEN}@"),
    # A JWT: two or three parts in base64url, the first one a JSON object. Also its beginning.
    (re.compile(r"\bey[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?"), HIDDEN),
    # A refresh token: http/refresh_tokens.py.
    (re.compile(r"\btlr_[A-Za-z0-9_-]{8,}"), HIDDEN),
    # Authorization: Bearer x; also as a WSGI variable, in a dict's repr, and without a scheme.
    (
        re.compile(
            r"(authorization['\"]?\s{0,8}[:=]\s{0,8}(?:b?['\"])?)"
            r"(?:[a-z]{1,20}\s{1,8})?[^\s'\",;}]+",
            re.I,
        ),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"\b(bearer\s+)(?!error=)[A-Za-z0-9._~+/=-]{8,}", re.I), rf"\1{HIDDEN}"),
    # name=value of a query, a form, a libpq connection string or a keyword argument.
    (
        re.compile(rf"((?:{_NAMES})\s?=\s?)(?:{_QUOTED}|[^\s&;,'\"#)\]}}]+)", re.I),
        rf"\1{HIDDEN}",
    ),
    # 'name': 'value' of a dict's repr or of JSON.
    (re.compile(rf"((?:{_NAMES})['\"]\s?:\s?b?)(?:{_QUOTED})", re.I), rf"\1{HIDDEN}"),
    # The subprotocol that carries a token.
    (re.compile(r"\b(ticket\.)[A-Za-z0-9._~+/=-]+", re.I), rf"\1{HIDDEN}"),
)
#: Nothing above can match a text without one of these; most lines have none.
_SIGNS = re.compile(rf"-----BEGIN|://|\bey|\btlr_|bearer|ticket|{_NAMES}", re.I)


def scrub(value: object, depth: int = DEPTH) -> object:
    """*value* as what JSON can hold, without secrets, and not without end."""
    match value:
        case None | bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case str():
            return scrub_text(value)
        case Mapping() if depth > 0:
            return _members(value, depth - 1)
        case list() | tuple() | set() | frozenset() if depth > 0:
            items = list(value)
            shown = [scrub(item, depth - 1) for item in items[:ITEMS]]
            return [*shown, f"{HIDDEN} {len(items) - ITEMS} more"] if len(items) > ITEMS else shown
        case _:
            return scrub_text(repr(value))


def scrub_text(text: str) -> str:
    """*text* with `…` in place of each secret, and of what is beyond TEXT characters."""
    whole = len(text) <= TEXT
    if not whole:
        text = text[: TEXT + OVERLAP]
    if _SIGNS.search(text):
        for pattern, instead in _PATTERNS:
            text = pattern.sub(instead, text)
    return text if whole else text[:-OVERLAP] + HIDDEN


def is_secret(name: str) -> bool:
    """Whether a field of this *name* is hidden whatever it holds."""
    lowered = name.lower().replace("-", "_")
    return lowered in SECRET_FIELDS or lowered.endswith(_ENDINGS)


_ENDINGS = tuple(f"_{name}" for name in SECRET_FIELDS)


@lru_cache(maxsize=1024)
def _named(name: str) -> tuple[str, bool]:
    """How a field of this *name* is shown, and whether its value is not; the names are few."""
    return scrub_text(name), is_secret(name)


def _members(value: Mapping[object, object], depth: int) -> dict[str, object]:
    shown: dict[str, object] = {}
    for key, member in list(value.items())[:ITEMS]:
        name, hidden = _named(str(key))
        shown[name] = HIDDEN if hidden and member is not None else scrub(member, depth)
    if len(value) > ITEMS:
        shown[HIDDEN] = f"{len(value) - ITEMS} more"
    return shown
