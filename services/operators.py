"""What an api-server gives its admin routes."""

from __future__ import annotations

from ..http.operators import Operators
from ..store.audit import Audit
from ..store.people import People
from .stores import Stores


def operators(stores: Stores) -> Operators:
    """The stores of *stores* that only operators have to do with."""
    return Operators(audit=Audit(stores.pg), people=People(stores.pg), drain=stores.drain)
