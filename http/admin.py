"""`POST /v1/admin/actors/{name}/restart`: a child of any replica is started again.

Source: docs/operations.md, "The fleet".
"""

from __future__ import annotations

import msgspec
from flask import Blueprint, Response

from ..actors.health import SILENT_S
from ..protocol.admin import RestartOrdered
from ..store.fleet import Member, Order
from .audited import Done, asked, audited_anyway
from .auth import admin
from .deps import ApiDeps
from .health_report import HealthSource
from .operations import Access, Operation
from .problems import FieldError, Problem, Refuse
from .validate import optional_body


class RestartWanted(msgspec.Struct, forbid_unknown_fields=True):
    """Body of `POST /v1/admin/actors/{name}/restart`; without a replica it is this one."""

    replica: str | None = None


def admin_routes(deps: ApiDeps) -> Blueprint:
    """The routes of this file; all need the role admin."""
    routes = Blueprint("admin", __name__)

    @routes.post("/v1/admin/actors/<name>/restart")
    @Operation(
        access=Access.ADMIN,
        body=RestartWanted,
        body_optional=True,
        keyed=True,
        answers={202: RestartOrdered},
        refusals=("CHILD_UNKNOWN", "REPLICA_UNKNOWN", "OUTCOME_UNKNOWN"),
    )
    def restart_child(name: str) -> Response:
        """Have a child stopped and started again."""
        claims = admin(deps)
        wanted = optional_body(RestartWanted) or RestartWanted()
        own = deps.health.identity.replica
        replica = own if wanted.replica is None else wanted.replica
        what = asked(claims, "child.restart", f"{replica}/{name}", wanted)
        # Also while Postgres is away: that is when a child may want to be started again.
        return audited_anyway(deps, what, lambda _: _restarted(deps, replica, name, what.actor))

    return routes


def _restarted(deps: ApiDeps, replica: str, name: str, by: str) -> Done:
    if replica == deps.health.identity.replica:
        before = _own_children(deps.health).get(name)
        # Not by way of Redis: it may be what is away.
        known = deps.health.restart(name, by)
    else:
        before = _children(_member(deps.health, replica)).get(name)
        known = before is not None
        if known:
            deps.fleet.order(replica, Order(name, by))
    if not known:
        error = FieldError("/name", "is no child of that replica", "path")
        raise Refuse(Problem("CHILD_UNKNOWN", f"{replica} has no child {name}", (error,)))
    # How it goes on is not known yet; its supervisor logs that.
    return Done(RestartOrdered(name, replica, "ordered"), before, {"status": "ordered"}, 202)


def _member(health: HealthSource, replica: str) -> Member:
    heard = health.heard()
    for member in heard.roll.members if heard else ():
        if member.who.replica == replica and member.silent_s < SILENT_S:
            return member
    error = FieldError("/replica", "is not a replica that is heard of")
    raise Refuse(Problem("REPLICA_UNKNOWN", f"nothing is heard of {replica}", (error,)))


class _Standing(msgspec.Struct):
    """How a child was when its restart was ordered; of another replica's, as was last heard."""

    state: str
    restarts: int
    uptime_s: float


class _Node(msgspec.Struct):
    name: str
    state: str = "unknown"
    restarts: int = 0
    uptime_s: float = 0.0
    children: list[_Node] = []


class _Report(msgspec.Struct):
    tree: _Node


def _own_children(health: HealthSource) -> dict[str, _Standing]:
    return {
        child.name: _Standing(child.state.value, child.restarts, round(child.uptime_s, 3))
        for child in health.snapshot().walk()
    }


def _children(member: Member) -> dict[str, _Standing]:
    """All children in the tree that *member* last reported, by name."""
    found: dict[str, _Standing] = {}
    try:
        waiting = msgspec.json.decode(member.report, type=_Report).tree.children
    except msgspec.DecodeError:  # of another version: nothing in it is known by name
        return found
    while waiting:
        node = waiting.pop()
        found[node.name] = _Standing(node.state, node.restarts, node.uptime_s)
        waiting += node.children
    return found
