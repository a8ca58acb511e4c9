"""`touchline admin`: who may use the operators' side of the API."""

from __future__ import annotations

from pathlib import Path

import psycopg2

from ..config import Servers
from .reach import servers_of
from .stores import open_stores


class GrantRefused(Exception):
    """The role cannot be given; the text says why."""


def grant(external: Servers | None, data_dir: Path, email: str) -> None:
    """Make the user with this address an admin; it takes effect at the next sign-in.

    Raises:
        GrantRefused: nobody has signed in with the address, or Postgres cannot be asked.
        EmbeddedError: there is no data in *data_dir*.
    """
    with servers_of(external, data_dir) as servers:
        stores = open_stores(servers, "admin", connections=1, gated=False)
        try:
            known = stores.users.make_admin(email)
        except psycopg2.Error as why:
            raise GrantRefused(str(why).partition("\n")[0]) from None
        finally:
            stores.close()
    if not known:
        raise GrantRefused(f"nobody has signed in as {email} yet")
