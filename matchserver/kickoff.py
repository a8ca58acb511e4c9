"""The kick-off instant from the date and time fields of an openfootball file."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone

from .matches import SeasonError

USUAL_TIME = "15:00"  #: for matches whose time nobody wrote down
TIME = re.compile(r"(\d{1,2}):(\d{2})(?:\s+UTC([+-]\d{1,2})(?::(\d{2}))?)?\s*", re.ASCII)


def kickoff_ms(where: str, day: str, time: str | None) -> int:
    """Unix ms of the kick-off.

    Args:
        where: the match in the file, for the error.
        day: "2022-11-20".
        time: "19:00" (UTC) or "13:00 UTC-6"; None is taken as 15:00.

    Raises:
        SeasonError: *day* or *time* cannot be read.
    """
    try:
        on = date.fromisoformat(day)
    except ValueError:
        raise SeasonError(f"{where}.date: {day!r} is not a date, such as '2022-11-20'") from None
    match = TIME.fullmatch(USUAL_TIME if time is None else time)
    try:
        if match is None:
            raise ValueError
        hour, minute, offset_h, offset_min = (int(part or 0) for part in match.groups())
        zone = _zone(offset_h, offset_min)
        local = datetime(on.year, on.month, on.day, hour, minute, tzinfo=zone)
    except (ValueError, OverflowError):
        raise SeasonError(
            f"{where}.time: {time!r} is not a time, such as '19:00' or '13:00 UTC-6'"
        ) from None
    return int((local - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(milliseconds=1))


def _zone(offset_h: int, offset_min: int) -> timezone:
    sign = -1 if offset_h < 0 else 1
    return timezone(timedelta(hours=offset_h, minutes=sign * offset_min))
