"""Which objects are there, whether or not anybody still needs them."""

from __future__ import annotations

import gc


def instances(kind: type) -> int:
    """How many objects of *kind* have not been freed; none is freed by asking."""
    return sum(type(found) is kind for found in gc.get_objects())
