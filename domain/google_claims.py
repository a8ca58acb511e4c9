"""What a Google ID token has to say before it signs anybody in. The signature is checked before.

Source: docs/protocol.md, "Google"; OpenID Connect Core 1.0, 3.1.3.7.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeGuard

SKEW_S = 10  #: how far Google's clock and ours may differ
FRESH_S = 600  #: a token that was made longer ago is not from the sign-in it is shown for
SUBJECT_MAX, EMAIL_MAX = 255, 254  #: characters

GOOGLE = ("https://accounts.google.com", "accounts.google.com")  #: both are Google, says Google


@dataclass(frozen=True, slots=True)
class GoogleRules:
    """Whom to believe: tokens for *client_ids*, made by one of *issuers*.

    *domains*: Workspace domains that alone may sign in; anybody if there are none.
    """

    client_ids: frozenset[str]
    issuers: frozenset[str] = frozenset(GOOGLE)
    domains: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class GoogleIdentity:
    """Somebody Google vouches for. Who they are is issuer and subject; all else may change."""

    issuer: str
    subject: str
    email: str
    picture: str | None = None


@dataclass(frozen=True, slots=True)
class GoogleRefused:
    """Why somebody is not signed in: a code of the API, and a reason a client may see."""

    code: str
    reason: str


def identity_of(
    claims: Mapping[str, object], rules: GoogleRules, nonce: str, now_s: float
) -> GoogleIdentity | GoogleRefused:
    """Who a token with these verified *claims* is about, if it signs them in here and now.

    *nonce*: the one that was given out for this sign-in.
    """
    for refused in (
        _refused_origin(claims, rules),
        _refused_moment(claims, now_s),
        _refused_person(claims, rules),
    ):
        if refused is not None:
            return refused
    if not nonce or claims.get("nonce") != nonce:
        return _invalid("the nonce is another one")
    picture = claims.get("picture")
    return GoogleIdentity(
        issuer=_one_name(str(claims["iss"])),
        subject=str(claims["sub"]),
        email=str(claims["email"]),
        picture=picture if isinstance(picture, str) and picture.startswith("https://") else None,
    )


def _refused_origin(claims: Mapping[str, object], rules: GoogleRules) -> GoogleRefused | None:
    if not _among(claims.get("iss"), rules.issuers):
        return _invalid("the issuer is not Google")
    if not _among(claims.get("aud"), rules.client_ids):
        return _invalid("the token is for somebody else")
    if "azp" in claims and not _among(claims["azp"], rules.client_ids):
        return _invalid("the token was given to somebody else")
    return None


def _refused_moment(claims: Mapping[str, object], now_s: float) -> GoogleRefused | None:
    made, ends, begins = claims.get("iat"), claims.get("exp"), claims.get("nbf", 0)
    if not (_is_time(made) and _is_time(ends) and _is_time(begins)):
        return _invalid("the token does not say when it is good")
    if ends + SKEW_S < now_s:
        return _invalid("the token has expired")
    if max(made, begins) - SKEW_S > now_s:
        return _invalid("the token is not good yet")
    if made + FRESH_S + SKEW_S < now_s:
        return _invalid("the token is not fresh")
    return None


def _refused_person(claims: Mapping[str, object], rules: GoogleRules) -> GoogleRefused | None:
    subject, email = claims.get("sub"), claims.get("email")
    if not isinstance(subject, str) or not 0 < len(subject) <= SUBJECT_MAX:
        return _invalid("the token does not say who signs in")
    if claims.get("email_verified") is not True:
        return GoogleRefused("EMAIL_NOT_VERIFIED", "Google has not verified the address")
    if not isinstance(email, str) or "@" not in email or len(email) > EMAIL_MAX:
        return _invalid("the token has no address")
    # By the claim: anybody can have an address whose domain looks right.
    if rules.domains and not _among(claims.get("hd"), rules.domains):
        return GoogleRefused("DOMAIN_NOT_ALLOWED", "only accounts of certain domains may sign in")
    return None


def _among(value: object, known: frozenset[str]) -> bool:
    """Whether *value* is one of these; a list of them is not, and asking would raise."""
    return isinstance(value, str) and value in known


def _is_time(value: object) -> TypeGuard[int | float]:
    # JSON as Python reads it has NaN, which is neither before nor after anything.
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _one_name(issuer: str) -> str:
    """Google spells itself in two ways, and nobody is two people because of that."""
    return issuer if "://" in issuer else f"https://{issuer}"


def _invalid(reason: str) -> GoogleRefused:
    return GoogleRefused("GOOGLE_TOKEN_INVALID", reason)
