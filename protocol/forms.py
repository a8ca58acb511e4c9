"""The forms of texts and numbers in messages. Source: docs/protocol.md, docs/market.md."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec


def said_open(words: str) -> msgspec.Meta:
    """What the document says of an object whose members nobody can name: *words*, and just that."""
    return msgspec.Meta(description=words, extra_json_schema={"additionalProperties": True})


SAFE_INTEGER = 2**53 - 1  #: the largest that every JSON implementation keeps exact

#: Coins, with 4 decimals.
Amount = Annotated[str, msgspec.Meta(pattern=r"^-?[0-9]+\.[0-9]{4}$")]
Price = Annotated[str, msgspec.Meta(pattern=r"^[0-9]+\.[0-9]{4}$")]
#: Shares, with 3 decimals.
Quantity = Annotated[str, msgspec.Meta(pattern=r"^[0-9]+\.[0-9]{3}$")]
Percent = Annotated[str, msgspec.Meta(pattern=r"^-?[0-9]+\.[0-9]{2}$")]
#: RFC 3339 in UTC with milliseconds.
Instant = Annotated[
    str, msgspec.Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$")
]
TickId = Annotated[str, msgspec.Meta(pattern=r"^[0-9]+-[0-9]+$")]

#: Echoed in the answer; small enough for every JSON implementation.
RequestId = Annotated[int, msgspec.Meta(ge=0, le=SAFE_INTEGER)]
Seq = Annotated[int, msgspec.Meta(ge=0, le=SAFE_INTEGER)]
Epoch = Annotated[int, msgspec.Meta(ge=0, le=SAFE_INTEGER)]

PriceChannel = Annotated[str, msgspec.Meta(pattern=r"^price:[1-9][0-9]*$")]
FixtureChannel = Annotated[str, msgspec.Meta(pattern=r"^fixture:[1-9][0-9]*$")]

Phase = Literal["scheduled", "live", "break", "shootout", "finished", "suspended", "void"]
