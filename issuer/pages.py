"""The consent page: pick who you are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Sign in</title>
<link rel="icon" href="data:,">
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {{ font: 16px system-ui, sans-serif; max-width: 24rem; margin: 4rem auto; padding: 0 1rem; }}
button, input {{ font: inherit; padding: .5rem; width: 100%; margin: .25rem 0; }}
.quiet {{ color: #666; font-size: .85rem; }}
</style></head><body>
<h1>Who are you?</h1>
<p class="quiet">This stands in for Google where Touchline runs on one machine. It believes you.</p>
{buttons}
<form method="post">{kept}
<input id="email" name="email" type="email" required placeholder="somebody.else@example.com">
<button id="agree" type="submit">Continue</button></form>
<form method="post">{kept}<button name="deny" value="1" type="submit">Cancel</button></form>
</body></html>
"""


def consent(query: Mapping[str, str], emails: Iterable[str]) -> bytes:
    """The page that asks who is there; *query* is the client's question and goes along."""
    kept = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in query.items()
    )
    buttons = "".join(
        f'<form method="post">{kept}'
        f'<button name="email" value="{escape(email)}">{escape(email)}</button></form>'
        for email in emails
    )
    return _PAGE.format(buttons=buttons, kept=kept).encode()
