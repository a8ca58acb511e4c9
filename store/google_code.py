"""The code flow's one call to Google: a code for an ID token.

Source: RFC 6749, 4.1.3; RFC 7636, 4.5.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from .oauth import Errand
from .web import NoAnswer, Web


class CodeRefused(Exception):
    """Google does not take the code: used, expired, or not for us. The text is Google's."""


@dataclass(frozen=True, slots=True)
class GoogleClient:
    """Who we are at Google, and where it takes codes."""

    client_id: str
    secret: str
    token_url: str


class _Tokens(msgspec.Struct):
    id_token: str


class _Refusal(msgspec.Struct):
    error: str = "no reason given"


class GoogleCode:
    """Exchanges codes as *client*."""

    def __init__(self, client: GoogleClient, web: Web | None = None) -> None:
        self._client = client
        self._web = web or Web()

    def exchange(self, code: str, errand: Errand, redirect_uri: str) -> str:
        """The ID token for *code*.

        Raises:
            CodeRefused: Google does not take it.
            NoAnswer: Google did not say.
        """
        answer = self._web.post_form(
            self._client.token_url,
            {
                "grant_type": "authorization_code",
                "code": code,
                "code_verifier": errand.verifier,
                "client_id": self._client.client_id,
                "client_secret": self._client.secret,
                "redirect_uri": redirect_uri,
            },
        )
        try:
            if answer.status == 200:
                return msgspec.json.decode(answer.body, type=_Tokens).id_token
            if 400 <= answer.status < 500:
                raise CodeRefused(msgspec.json.decode(answer.body, type=_Refusal).error[:100])
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise NoAnswer(f"HTTP {answer.status} with a body that cannot be read") from None
        raise NoAnswer(f"HTTP {answer.status}")
