"""What every answer tells browsers not to do with it.

Source: docs/security.md, "Browsers".
"""

from __future__ import annotations

from collections.abc import Iterable

Header = tuple[str, str]

#: Nothing may be loaded or framed; pages have a policy of their own in its place.
NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
ALWAYS: tuple[Header, ...] = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Content-Security-Policy", NOTHING),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    (
        "Permissions-Policy",
        "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
)
_LOWERED = tuple((name.lower(), (name, value)) for name, value in ALWAYS)
#: Two years, as the lists that browsers ship ask for.
BY_HTTPS: Header = ("Strict-Transport-Security", "max-age=63072000")


def guarded(headers: Iterable[Header], *, https: bool) -> list[Header]:
    """*headers* and those of the above that they lack."""
    given = list(headers)
    names = {name.lower() for name, _ in given}
    missing = [header for name, header in _LOWERED if name not in names]
    return [*given, *missing, BY_HTTPS] if https else [*given, *missing]
