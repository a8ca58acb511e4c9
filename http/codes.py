"""Every refusal a client can meet: its code, HTTP status and title.

A code is part of the interface: clients branch on it, so none is ever renamed.

Source: docs/protocol.md, "Errors".
"""

from __future__ import annotations

from collections.abc import Mapping

#: Prefix of the `type` member; the rest is the code in lower case with dashes.
TYPE_BASE = "https://touchline.example/problems/"

CODES: Mapping[str, tuple[int, str]] = {
    # the request itself
    "BAD_REQUEST": (400, "The request is not valid HTTP"),
    "MALFORMED_JSON": (400, "The body is not valid JSON"),
    "VALIDATION": (400, "The request does not have the expected shape"),
    "QUANTITY_INVALID": (400, "The quantity is not a valid amount"),
    "QUANTITY_PRECISION_EXCEEDED": (400, "The amount has too many decimals"),
    "PRICE_INVALID": (400, "The price is not a valid amount"),
    "PRICE_PRECISION_EXCEEDED": (400, "The price has too many decimals"),
    "IDEMPOTENCY_KEY_REQUIRED": (400, "An Idempotency-Key header is required"),
    "IDEMPOTENCY_KEY_INVALID": (400, "The Idempotency-Key header is not valid"),
    "CURSOR_INVALID": (400, "The cursor was not issued for this page"),
    "TOKEN_REQUIRED": (401, "A bearer token is required"),
    "TOKEN_INVALID": (401, "The token was not accepted"),
    "STATE_MISMATCH": (400, "The sign-in did not begin in this browser"),
    "GOOGLE_TOKEN_INVALID": (401, "Google's token was not accepted"),
    "EMAIL_NOT_VERIFIED": (403, "The address is not verified"),
    "DOMAIN_NOT_ALLOWED": (403, "This domain may not sign in"),
    "REFRESH_INVALID": (401, "The refresh token was not accepted"),
    "REFRESH_REUSED": (401, "The refresh token was used before"),
    "ACCOUNT_SUSPENDED": (403, "The account is suspended"),
    "FORBIDDEN": (403, "This needs another role"),
    "ORIGIN_FORBIDDEN": (403, "This origin may not connect"),
    "EMAIL_RESERVED": (403, "This address cannot sign in"),
    "OWN_WALLET": (403, "Nobody adjusts their own wallet"),
    "NOT_FOUND": (404, "There is nothing here"),
    "INSTRUMENT_UNKNOWN": (404, "There is no such instrument"),
    "POSITION_UNKNOWN": (404, "There is no such position"),
    "SESSION_UNKNOWN": (404, "There is no such session"),
    "LEADERBOARD_UNKNOWN": (404, "There is no such leaderboard"),
    "SPINNER_UNKNOWN": (404, "There is no such draw"),
    "USER_UNKNOWN": (404, "There is no such user"),
    "FACT_UNKNOWN": (404, "There is no such parked fact"),
    "CHILD_UNKNOWN": (404, "There is no such child"),
    "REPLICA_UNKNOWN": (404, "There is no such replica"),
    "METHOD_NOT_ALLOWED": (405, "This method is not allowed here"),
    "REQUEST_TIMEOUT": (408, "The request did not arrive in time"),
    "NAME_TAKEN": (409, "The name is taken"),
    "MARKET_HALTED": (409, "Trading in this instrument is halted"),
    "FIXTURE_LIVE": (409, "The match is being played"),
    "FIXTURE_NOT_BEGUN": (409, "The match has not begun"),
    "CLUB_IN_PLAY": (409, "Another match moves one of the clubs now"),
    "RESULT_OVERTAKEN": (409, "A later result rests on this one"),
    "INSTRUMENT_UNREADABLE": (409, "What is kept of an instrument cannot be read"),
    "INSTRUMENT_EXISTS": (409, "The symbol or the team belongs to another instrument"),
    "POSITION_CLOSED": (409, "The position is closed"),
    "VERSION_MISMATCH": (409, "The position has changed meanwhile"),
    "OWN_ACCOUNT": (409, "Nobody takes their own rights away"),
    "LAST_ADMIN": (409, "One admin has to be left"),
    "FACT_NEEDED": (409, "The books need this fact"),
    "SPINNER_NOT_READY": (409, "The draw cannot go on yet"),
    "WALLET_MISSING": (409, "The user has no wallet yet"),
    "TICK_TRIMMED": (410, "The ticks asked for are no longer kept"),
    "PRECONDITION_FAILED": (412, "The version in If-Match is not the present one"),
    "BODY_TOO_LARGE": (413, "The body is too large"),
    "URI_TOO_LONG": (414, "The request line is too long"),
    "HOST_UNKNOWN": (421, "This server is not known by that name"),
    "UPGRADE_REQUIRED": (426, "A WebSocket upgrade is required here"),
    "PRECONDITION_REQUIRED": (428, "An If-Match header is required"),
    "HEADERS_TOO_LARGE": (431, "The headers are too large"),
    "UNSUPPORTED_MEDIA_TYPE": (415, "The body must be application/json"),
    # what the market says
    "QUANTITY_LIMIT_EXCEEDED": (422, "The order is larger than one order may be"),
    "POSITION_LIMIT_EXCEEDED": (422, "The order would exceed the limit per user"),
    "LIQUIDITY_EXHAUSTED": (422, "The market cannot take this much"),
    "PRICE_BOUND_EXCEEDED": (422, "The price is beyond the bound given"),
    "AMOUNT_LIMIT_EXCEEDED": (422, "The amount is beyond what an account can hold"),
    "INSUFFICIENT_FUNDS": (422, "Insufficient funds"),
    "INSUFFICIENT_SHARES": (422, "Insufficient shares"),
    "LEVERAGE_INVALID": (422, "The leverage is beyond what is allowed now"),
    "STOP_LOSS_PRICE_INVALID": (422, "The stop-loss is on the wrong side, or too far"),
    "TAKE_PROFIT_PRICE_INVALID": (422, "The take-profit is on the wrong side"),
    "STOP_DISTANCE_TOO_SMALL": (422, "The trailing stop is too close"),
    "TOO_MANY_POSITIONS": (422, "Too many positions are open already"),
    "INSUFFICIENT_MARGIN": (422, "Insufficient margin"),
    "MARGIN_LIMIT_EXCEEDED": (422, "The margin would be beyond its limits"),
    "LIMIT_INVALID": (422, "The limit is beyond what is possible here"),
    "IDEMPOTENCY_KEY_REUSED": (422, "This key was used for another request"),
    "CLIENT_ORDER_ID_REUSED": (422, "This client_order_id was used for another order"),
    "TOO_MANY_PENDING_ORDERS": (422, "Too many orders are waiting already"),
    # what the service says
    "TOO_MANY_CONNECTIONS": (429, "Too many connections"),
    "RATE_LIMITED": (429, "The quota is used up for now"),
    "INTERNAL": (500, "Something went wrong on our side"),
    "UNAVAILABLE": (503, "The service cannot answer right now"),
    "GOOGLE_KEYS_UNAVAILABLE": (503, "Google's keys are not known yet"),
    "GOOGLE_UNAVAILABLE": (503, "Google does not answer"),
    "OUTCOME_UNKNOWN": (503, "The outcome is not known yet"),
    "NEW_TRADES_PAUSED": (503, "New trades are paused; sales and closes are not"),
    "CAPACITY": (503, "The server is at its capacity"),
}

#: Types that others have defined, in place of one of ours.
TYPES: Mapping[str, str] = {
    "RATE_LIMITED": "https://iana.org/assignments/http-problem-types#quota-exceeded",
}

#: The code for an HTTP error that was raised below us, by its status.
BY_STATUS: Mapping[int, str] = {
    400: "BAD_REQUEST",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    408: "REQUEST_TIMEOUT",
    413: "BODY_TOO_LARGE",
    414: "URI_TOO_LONG",
    415: "UNSUPPORTED_MEDIA_TYPE",
    503: "UNAVAILABLE",
}
