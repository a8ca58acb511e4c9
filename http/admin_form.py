"""What the requests of admins have in common."""

from __future__ import annotations

import re
from typing import Annotated

import msgspec

from ..domain.ids import UserId
from .problems import FieldError, Problem, Refuse

REASON_MAX = 500  #: characters

#: Why it is done: for whoever reads the audit log, or the ledger, later.
Reason = Annotated[
    str,
    msgspec.Meta(
        pattern=r"\A[^\x00-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x1f\x7f]*\Z",
        max_length=REASON_MAX,
        description=f"must be one line of 1 to {REASON_MAX} characters",
    ),
]
#: What a list is searched for.
SearchText = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"\A[^\x00]*\Z")]

_USER = re.compile(r"[1-9][0-9]{0,17}")


def user_named(name: str) -> UserId:
    """The id of a path. Raises Refuse where it can be no user's."""
    if not _USER.fullmatch(name):
        raise user_unknown(name)
    return UserId(int(name))


def user_unknown(name: object) -> Refuse:
    """A refusal (to raise) because there is no such user."""
    error = FieldError("/id", "is no user's", "path")
    return Refuse(Problem("USER_UNKNOWN", f"there is no user {name}", (error,)))


class Because(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A body that says why, and nothing else."""

    reason: Reason
