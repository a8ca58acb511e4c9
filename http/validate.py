"""Bodies, queries and headers, taken apart strictly: what is not expected is refused by name.

Source: docs/protocol.md, "Requests".
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from enum import Enum
from typing import Annotated, TypeVar, get_args, get_type_hints

import msgspec
from flask import request

from ..domain.money import ParseError, parse_money, parse_px, parse_qty
from .connection import MAX_BODY
from .problems import FieldError, Place, Problem, Refuse

T = TypeVar("T")
Query = TypeVar("Query", bound=msgspec.Struct)

#: What a client may call its own things: keys and order ids.
NAME_PATTERN = r"\A[A-Za-z0-9_-]{1,64}\Z"
NAME_WORDS = "must be 1 to 64 characters of A-Z a-z 0-9 _ -"
Name = Annotated[str, msgspec.Meta(pattern=NAME_PATTERN, description=NAME_WORDS)]


def _told(words: str, pattern: str, example: str) -> msgspec.Meta:
    """What the document says of a text that is read by the functions below, which know why not."""
    said = {"description": words, "pattern": pattern, "examples": [example]}
    return msgspec.Meta(extra_json_schema=said)


InstrumentName = Annotated[
    int | str,
    msgspec.Meta(
        extra_json_schema={
            "description": "Its `idx`, or its symbol in capitals.",
            "examples": [1, "THO"],
        }
    ),
]
QuantityText = Annotated[
    str, _told("Shares, more than 0.", r"^[0-9]{1,16}(\.[0-9]{1,3})?$", "12.5")
]
MoneyText = Annotated[
    str, _told("An amount, more than 0.", r"^[0-9]{1,16}(\.[0-9]{1,4})?$", "500.00")
]
SignedMoneyText = Annotated[
    str, _told("An amount; a minus sign takes back.", r"^-?[0-9]{1,16}(\.[0-9]{1,4})?$", "-20.00")
]
PriceText = Annotated[
    str, _told("A price or a distance, more than 0.", r"^[0-9]{1,16}(\.[0-9]{1,2})?$", "101.00")
]

_JSON = "application/json"
MESSAGE_MAX = 500  #: characters of msgspec's texts; without a sender's own words they have 150
#: At most 18 digits, so that int() never meets a text of thousands.
_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,17}")
_WHERE = re.compile(r"(?P<what>.*?)(?: - at `\$(?P<path>.*)`)?", re.DOTALL)
#: msgspec's texts that quote a regular expression, or leave out what would have been right.
_NEEDS_WORDS = ("Expected str matching regex", "Invalid enum value")
_NAMED = re.compile(r"Object (?:contains unknown|missing required) field `(?P<name>.*)`", re.DOTALL)


def body(shape: type[T]) -> T:
    """The JSON body as *shape* (a msgspec struct). Raises Refuse, naming the field at fault."""
    return parsed(raw_body(), shape)


def optional_body(shape: type[T]) -> T | None:
    """As `body`, but None where no body was sent. Raises Refuse."""
    raw = _received()
    if not raw:
        return None
    _check_type()
    return parsed(raw, shape)


def raw_body() -> bytes:
    """The body as it was sent, if it was sent as JSON. Raises Refuse."""
    _check_type()
    return _received()


def parsed(raw: bytes, shape: type[T], *, members_once: bool = True) -> T:
    """JSON as *shape* (a msgspec struct). Raises Refuse, naming the field at fault.

    With *members_once* off, a member given twice is left to be found by the caller.
    """
    try:
        value = msgspec.json.decode(raw, type=shape)
        # msgspec keeps the last of two members of one name; which one a sender
        # meant is a guess, and money is not moved on guesses.
        if members_once:
            _MEMBERS.decode(raw.decode())
    except msgspec.ValidationError as why:
        raise _misshapen(str(why), "body", shape) from None
    except (msgspec.DecodeError, ValueError, RecursionError) as why:
        raise Refuse(Problem("MALFORMED_JSON", f"the body cannot be read as JSON: {why}")) from None
    return value


def query(shape: type[Query]) -> Query:
    """The query string as *shape* (a msgspec struct). Raises Refuse."""
    given: dict[str, str] = {}
    for name, values in request.args.lists():
        if len(values) > 1:
            raise invalid(f"/{name}", "is given more than once", "query")
        given[name] = values[0]
    try:
        return msgspec.convert(_typed(given, shape), type=shape)
    except msgspec.ValidationError as why:
        raise _misshapen(str(why), "query", shape) from None


def idempotency_key() -> str:
    """The request's Idempotency-Key header. Raises Refuse if it is missing or unusable."""
    key = request.headers.get("Idempotency-Key")
    where = "/Idempotency-Key"
    if key is None:
        error = FieldError(where, "is required", "header")
        detail = "give every request a key of its own, so that a retry does nothing twice"
        raise Refuse(Problem("IDEMPOTENCY_KEY_REQUIRED", detail, (error,)))
    if not re.match(NAME_PATTERN, key):
        error = FieldError(where, NAME_WORDS, "header")
        raise Refuse(Problem("IDEMPOTENCY_KEY_INVALID", "the key cannot be used", (error,)))
    return key


def quantity(text: str, pointer: str, place: Place = "body") -> int:
    """A quantity in 1e-3 share. Raises Refuse."""
    return _number(text, parse_qty, "QUANTITY", pointer, place)


def money(text: str, pointer: str) -> int:
    """An amount to trade for, in 1e-4 coin. Raises Refuse."""
    return _number(text, parse_money, "QUANTITY", pointer, "body")


def price(text: str, pointer: str) -> int:
    """A price in 1e-4 coin. Raises Refuse."""
    return _number(text, parse_px, "PRICE", pointer, "body")


def instant_ms(at: datetime | None, pointer: str) -> int | None:
    """An instant of the query as calendar ms. Raises Refuse."""
    if at is None:
        return None
    # At the ends of what a datetime can hold, the same instant in UTC may not exist.
    if not 1900 <= at.year <= 2999:
        raise invalid(pointer, "must be a year from 1900 to 2999", "query")
    return int(at.timestamp() * 1000)


def invalid(pointer: str, detail: str, place: Place = "body") -> Refuse:
    """A refusal (to raise) because of one field."""
    text = f"{pointer[1:] or place}: {detail}"
    return Refuse(Problem("VALIDATION", text, (FieldError(pointer, detail, place),)))


def _check_type() -> None:
    # Looked at as it came before it is taken apart: nearly all requests name it plainly.
    if request.environ.get("CONTENT_TYPE") != _JSON and request.mimetype != _JSON:
        raise Refuse(Problem("UNSUPPORTED_MEDIA_TYPE", "send the body as application/json"))


def _received() -> bytes:
    # Not Werkzeug's get_data(), which puts a bounded stream of its own (20 µs of an order) around
    # a body that the connection has taken and bounded already.
    raw: bytes = request.environ["wsgi.input"].read(MAX_BODY + 1)
    if len(raw) > MAX_BODY:
        raise Refuse(Problem("BODY_TOO_LARGE", f"at most {MAX_BODY} bytes are accepted"))
    return raw


def _number(
    text: str, parse: Callable[[str], int | ParseError], family: str, pointer: str, place: Place
) -> int:
    value = parse(text)
    if isinstance(value, int):
        return value
    code = "PRECISION_EXCEEDED" if value is ParseError.PRECISION else "INVALID"
    error = FieldError(pointer, value.value, place)
    raise Refuse(Problem(f"{family}_{code}", f"{pointer[1:]} {value.value}", (error,)))


def _unique(members: list[tuple[str, object]]) -> Mapping[str, object]:
    seen = dict(members)
    if len(seen) < len(members):
        twice = next(name for name, times in Counter(n for n, _ in members).items() if times > 1)
        raise invalid(_step(twice), "is given more than once")
    return seen


def _misshapen(message: str, place: Place, shape: type[T]) -> Refuse:
    """msgspec's one line of text as a refusal that names the field."""
    if len(message) > MESSAGE_MAX:
        # It quotes a name, which is of the sender's making, and is looked at more than once below.
        return invalid("", "has a member with a long name that is not known here", place)
    found = _WHERE.fullmatch(message)
    what, path = (found["what"], found["path"] or "") if found else (message, "")
    pointer = "".join(_step(a or b) for a, b in re.findall(r"\.([^.\[]+)|\[([^\]]*)\]", path))
    named = _NAMED.fullmatch(what)
    if named:
        known = "is required" if what.startswith("Object missing") else "is not known here"
        return invalid(pointer + _step(named["name"]), known, place)
    detail = what.replace("`", "")
    if detail.startswith(_NEEDS_WORDS):
        hints = get_type_hints(shape, include_extras=True)
        detail = next(_words(hints.get(pointer[1:])), detail)
    return invalid(pointer, detail[0].lower() + detail[1:], place)


def _typed(given: Mapping[str, str], shape: type[msgspec.Struct]) -> dict[str, int | str]:
    """*given* with the whole numbers that *shape* wants as numbers."""
    # Not left to msgspec's lax mode, which takes "1e2" for 100 and every number
    # for a time, in seconds since 1970: from=2026 would be an hour of 1970.
    wanted = {each.encode_name for each in msgspec.structs.fields(shape) if _is_whole(each.type)}
    return {
        name: int(text) if name in wanted and _WHOLE.fullmatch(text) else text
        for name, text in given.items()
    }


def _is_whole(hint: object) -> bool:
    """Whether a field annotated *hint* takes whole numbers."""
    return hint is int or any(map(_is_whole, get_args(hint)))


def _words(hint: object) -> Iterator[str]:
    """What a field annotated *hint* takes, as its type says it to a person."""
    if isinstance(hint, msgspec.Meta) and hint.description:
        yield hint.description
    if isinstance(hint, type) and issubclass(hint, Enum):
        yield f"must be one of {', '.join(str(member.value) for member in hint)}"
    for part in get_args(hint):
        yield from _words(part)


# Numbers stay text: they are not what is looked for, and may be of any length.
_MEMBERS = json.JSONDecoder(object_pairs_hook=_unique, parse_int=str, parse_float=str)


def _step(name: str) -> str:
    """One member of a JSON pointer."""
    return "/" + name.replace("~", "~0").replace("/", "~1")
