"""Lists as CSV (RFC 4180), for people who open them in a spreadsheet.

Source: docs/protocol.md, "Trades as CSV".
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence

from flask import Response, request

from .accepting import rather

CSV = "text/csv"
JSON = "application/json"

#: What a spreadsheet takes for a formula; a number with a sign is none.
_FORMULA = re.compile(r"[=+\-@\t\r\n]")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def wants_csv() -> bool:
    """Whether the request would rather have CSV than JSON; a client that takes all gets JSON."""
    return rather(request.headers.get("Accept"), JSON, CSV) == CSV


def csv_answer(
    name: str, columns: Sequence[str], rows: Iterable[Mapping[str, object]], more: str | None
) -> Response:
    """*rows* as the file *name*, under a line with the names of *columns*; null is empty.

    Args:
        more: where the rows behind these are, if there are any.
    """
    text = io.StringIO()
    writer = csv.writer(text)  # with \\r\\n, as the RFC has it
    writer.writerow(columns)
    writer.writerows([_cell(row[column]) for column in columns] for row in rows)
    response = Response(text.getvalue(), content_type=f"{CSV}; charset=utf-8; header=present")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    if more is not None:
        response.headers["Link"] = f'<{more}>; rel="next"'
    return response


def _cell(value: object) -> str:
    """*value* as text that no spreadsheet carries out."""
    text = "" if value is None else str(value)
    dangerous = _FORMULA.match(text) and not _NUMBER.fullmatch(text)
    return f"'{text}" if dangerous else text
