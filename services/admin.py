"""`touchline admin`: who may use the operators' side of the API."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import psycopg2
import redis

from ..config import Servers
from ..domain.people import Denied, Role, StandingWanted
from ..store.audit import DONE, Asked, Audit, Begun, Settled
from ..store.outage import one_line
from ..store.people import Changed, People
from ..store.refusals import Cursor
from .reach import servers_of
from .stores import Stores, open_stores

_WHY = {Denied.LAST_ADMIN: "this is the last admin; make somebody else one first"}
#: Whose act it is in the audit log: whoever has the servers' addresses.
ACTOR = "command line"


class GrantRefused(Exception):
    """The role cannot be changed, or not everywhere; the text says why."""


def change_role(external: Servers | None, data_dir: Path, email: str, role: Role) -> None:
    """Give the user with this address *role*; they are signed out if that is another one.

    Raises:
        GrantRefused: nobody has signed in with the address, they are the last admin, or a server
            cannot be asked.
        EmbeddedError: there is no data in *data_dir*.
    """
    with servers_of(external, data_dir) as servers:
        stores = open_stores(servers, "admin", connections=1, gated=False)
        try:
            _change(stores, email, role)
        except psycopg2.Error as why:
            raise GrantRefused(str(why).partition("\n")[0]) from None
        except redis.RedisError as why:
            # Nobody can go on without signing in; but tokens live for up to 15 minutes.
            raise GrantRefused(f"changed, but sessions go on, try again: {one_line(why)}") from None
        finally:
            stores.close()


def _change(stores: Stores, email: str, role: Role) -> None:
    people, audit = People(stores.pg), Audit(stores.pg)
    user = people.with_address(email)
    if user is None:
        raise GrantRefused(f"nobody has signed in as {email} yet")
    asked = Asked(
        actor=ACTOR, action="user.change", target=f"user {user}", request={"role": role.value}
    )
    begun = audit.begin(asked)
    if not isinstance(begun, Begun):  # without a key each is an act of its own
        raise AssertionError(begun)
    found = people.change(user, StandingWanted(role), None, tell=partial(_settle, audit, begun))
    if isinstance(found, Denied):
        audit.settle(begun, Settled(found.name, 409))
        raise GrantRefused(_WHY.get(found, f"there is no user {email} any more"))
    if not isinstance(found, Changed):  # no version was named
        raise AssertionError(found)
    # What was done is written down by now, with what it changed, whatever Redis says to this.
    stores.revocations.add(*found.ended)


def _settle(audit: Audit, begun: Begun, cursor: Cursor, change: Changed) -> None:
    before, after = ({"role": each.role.value} for each in (change.before, change.person.standing))
    audit.settle_in(cursor, begun, Settled(DONE, 200, None, before, after))
