"""What a service says of itself and of its fellows, as plain values ready for JSON.

Source: docs/operations.md, "Health".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from ..actors.health import Health, Readiness, readiness
from ..store.fleet import Identity, Member, Roll
from .metrics import Metrics

DEPTH = 64  #: containers within containers; a group within a group takes two


@dataclass(frozen=True, slots=True)
class Heard:
    """The latest roll, and how many seconds ago it was."""

    roll: Roll
    ago_s: float


class HealthSource(Protocol):
    """Where a service's health is read; no method may block."""

    @property
    def metrics(self) -> Metrics:
        """What `/metrics` shows."""
        ...

    @property
    def identity(self) -> Identity:
        """Who answers."""
        ...

    def snapshot(self) -> Health:
        """The supervision tree right now."""
        ...

    def checks(self) -> Mapping[str, bool | str]:
        """What is needed from outside: True where it is reachable, else why not."""
        ...

    def heard(self) -> Heard | None:
        """What was last heard of the other replicas; None: nothing yet."""
        ...

    def restart(self, child: str, by: str) -> bool:
        """Have *child* of this replica restarted on behalf of *by*; False: there is none."""
        ...


def judged(source: HealthSource) -> Readiness:
    """Whether the service can serve right now."""
    return readiness(source.snapshot(), source.checks())


def readyz(source: HealthSource) -> dict[str, object]:
    """The body of `/readyz`."""
    tree, checks = source.snapshot(), source.checks()
    verdict = readiness(tree, checks)
    return {
        "status": verdict.status.value,
        "why": verdict.why,
        "checks": {name: "ok" if ok is True else str(ok) for name, ok in checks.items()},
        "actors": {child.name: child.state.value for child in tree.walk()},
    }


def own_report(source: HealthSource) -> dict[str, object]:
    """This replica: who it is, how it is and why, and its whole tree."""
    tree, checks, identity = source.snapshot(), source.checks(), source.identity
    verdict = readiness(tree, checks)
    return {
        "service": identity.service,
        "replica": identity.replica,
        "version": identity.version,
        "covers": identity.covers,
        "status": verdict.status.value,
        "why": verdict.why,
        "checks": checks,
        "tree": tree.as_dict(),
    }


def full_report(source: HealthSource) -> dict[str, object]:
    """This replica, the leases, and what the others last said: for who may read all of it."""
    heard = source.heard()
    roll = heard.roll if heard else Roll((), {})
    return own_report(source) | {
        "leases": roll.leases,
        "fleet_heard_s": round(heard.ago_s, 3) if heard else None,
        "fleet": [_member(member) for member in roll.members],
    }


def public_report(source: HealthSource) -> dict[str, object]:
    """The body of `/supervisor`: as `full_report`, without what errors say and their tracebacks.

    Whoever reaches the port reads it, and an error may quote anything: a row, a name, a message.
    """
    heard = source.heard()
    others = heard.roll.members if heard else ()
    return _public(full_report(source)) | {
        "fleet": [_member(each) | {"report": _public_of(each)} for each in others]
    }


def encoded(document: dict[str, object]) -> bytes:
    """*document* as JSON, whatever an actor puts into its detail: it must answer in any trouble."""
    try:
        return msgspec.json.encode(document, enc_hook=str)
    except Exception:  # a text that is no text, an end without end, a __str__ that raises
        return msgspec.json.encode(_plain(document))


def _member(member: Member) -> dict[str, object]:
    return {
        "service": member.who.service,
        "replica": member.who.replica,
        "version": member.who.version,
        "status": member.status,
        "silent_s": round(member.silent_s, 1),
        "report": msgspec.Raw(member.report.encode()),
    }


def _public_of(member: Member) -> dict[str, Any] | None:
    """What *member* said of itself; None if that cannot be read."""
    try:
        return _public(msgspec.json.decode(member.report, type=dict[str, Any]))
    except msgspec.DecodeError:
        return None


def _public(report: dict[str, Any]) -> dict[str, Any]:
    return report | {"tree": _node(report.get("tree") or {})}


def _node(node: dict[str, Any]) -> dict[str, Any]:
    """A tree, or a child of one, with no more of its errors than what they were and when."""
    error = node.get("last_error")
    kept = {name: error.get(name) for name in ("type", "at")} if error else None
    below = [_node(child) for child in node.get("children", ())]
    return node | {"children": below} | ({"last_error": kept} if "last_error" in node else {})


def _plain(value: object, depth: int = DEPTH) -> object:
    """*value* as what JSON can hold in any case."""
    match value:
        case None | bool() | int() | float() | msgspec.Raw():
            return value
        case str():
            return value.encode(errors="backslashreplace").decode()
        case Mapping() if depth > 0:
            return {_text(key): _plain(member, depth - 1) for key, member in value.items()}
        case list() | tuple() | set() | frozenset() if depth > 0:
            return [_plain(item, depth - 1) for item in value]
        case _:
            return _text(value)


def _text(value: object) -> str:
    try:
        text = str(value)
    except Exception:
        text = object.__repr__(value)
    return text.encode(errors="backslashreplace").decode()
