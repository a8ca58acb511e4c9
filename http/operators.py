"""What the admin routes are given beyond what the others have."""

from __future__ import annotations

from dataclasses import dataclass

from ..store.audit import Audit
from ..store.drain import Drain
from ..store.people import People


@dataclass(frozen=True, slots=True, kw_only=True)
class Operators:
    """The stores that only operators have to do with.

    Attributes:
        audit: where all that they do is written down.
        drain: brings facts to Postgres; that of the whole process.
    """

    audit: Audit
    people: People
    drain: Drain
