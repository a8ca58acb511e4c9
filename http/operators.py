"""What the admin routes are given beyond what the others have."""

from __future__ import annotations

from dataclasses import dataclass

from ..store.audit import Audit


@dataclass(frozen=True, slots=True, kw_only=True)
class Operators:
    """The stores that only operators have to do with.

    Attributes:
        audit: where all that they do is written down.
    """

    audit: Audit
