"""As whom PostgreSQL runs: it refuses to be root, and root must be able to use it.

Root tries two ways. In a user namespace the server is `nobody` to itself and
root to the files, so everything stays root's on disk; containers often forbid
that. Then it becomes the user nobody, with just the capability to pass the
directories on its way. A user id without a name, as containers hand out, is
refused as well and gets a name from the namespace. launch.py does all that.
"""

import os
import pwd
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .datadir import EmbeddedError


@dataclass(frozen=True, slots=True)
class Account:
    """A way to run a program: *name* is launch.py's, *uid* owns its files on disk."""

    name: str
    uid: int


def candidates() -> tuple[Account, ...]:
    """The accounts to try for this user, the best one first."""
    uid = os.geteuid()
    ourselves, namespace = Account("self", uid), Account("namespace", uid)
    if uid == 0:
        return (namespace, Account("nobody", pwd.getpwnam("nobody").pw_uid))
    return (ourselves,) if _has_name(uid) else (namespace, ourselves)


def first_able(
    accounts: Sequence[Account], attempt: Callable[[Account], str]
) -> tuple[Account, str]:
    """Return the first account with which *attempt* succeeds, and its answer.

    Raises:
        EmbeddedError: none can; the text has the reason of each.
    """
    reasons = []
    for account in accounts:
        try:
            return account, attempt(account)
        except EmbeddedError as error:
            reasons.append(str(error))
    raise EmbeddedError("PostgreSQL cannot run here: " + "; ".join(reasons))


def give(directory: str | os.PathLike[str], account: Account) -> None:
    """Make *account* the owner of *directory* and all below it, if it is not.

    Raises:
        EmbeddedError: it belongs to another user and we are not root.
    """
    owner = os.stat(directory).st_uid
    if owner == account.uid:
        return
    if os.geteuid() != 0:
        raise EmbeddedError(f"{os.fspath(directory)} belongs to the user with id {owner}")
    os.chown(directory, account.uid, -1)
    for parent, directories, files in os.walk(directory):
        for name in (*directories, *files):
            os.chown(os.path.join(parent, name), account.uid, -1, follow_symlinks=False)


def _has_name(uid: int) -> bool:
    try:
        return bool(pwd.getpwuid(uid).pw_name)
    except KeyError:
        return False
