"""One soak in figures: a table for people, and the same for programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .audit import SHOWN, Found
from .faults import Fault
from .promises import Promise, Promises
from .striker import Struck

AFTER_S = 5.0  #: what is promised so soon after a fault counts as promised under it
LEVELS = ("postgres", "redis")


@dataclass
class Soak:
    """What was done, and what came of it.

    Attributes:
        lasted_s: how long people traded; a fault may take longer than planned to be over.
        wrong: everything else that must not be, by what it is; empty lists are fine.
    """

    seed: int
    seconds: float
    lossy: bool
    lasted_s: float = 0.0
    faults: Sequence[Fault] = ()
    struck: Sequence[Struck] = ()
    missed: Sequence[str] = ()
    promises: Promises = field(default_factory=Promises)
    found: Found = field(default_factory=Found)
    requests: Mapping[str, int] = field(default_factory=dict)
    wrong: dict[str, Sequence[object]] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether every promise was kept; of a Valkey that loses data, those of Postgres."""
        lost = self.found.lost_of("postgres") if self.lossy else self.found.lost
        found = (self.found.twice, self.found.altered, self.found.unasked, self.found.purses)
        return bool(self.promises.facts) and not (lost or any(found) or any(self.wrong.values()))

    def as_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        facts = self.promises.facts.values()
        return {
            "ok": self.ok,
            "seed": self.seed,
            "seconds": self.seconds,
            "lossy": self.lossy,
            "acknowledged": {
                level: sum(fact.durable == level for fact in facts) for level in LEVELS
            },
            "lost": {level: len(self.found.lost_of(level)) for level in LEVELS},
            "duplicated": len(self.found.twice),
            "per_second": round(len(facts) / (self.lasted_s or self.seconds), 1),
            "requests": dict(self.requests),
            "faults": {kind: self._under(kind) for kind in self._kinds()},
            "missed": list(self.missed),
            "wrong": self._all_wrong(),
        }

    def as_text(self) -> str:
        """The same as a table."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        summary = self.as_dict()
        yield _row("fault", "struck", "acknowledged", "lost", "duplicated")
        for kind, figures in summary["faults"].items():
            yield _row(kind, *figures.values())
        for level in LEVELS:
            yield _row(f"all, {level}", "", summary["acknowledged"][level], summary["lost"][level])
        yield _row("all", len(self.struck), len(self.promises.facts), len(self.found.lost),
                   summary["duplicated"])  # fmt: skip
        yield f"{summary['per_second']} facts/s; requests: {summary['requests']}"
        yield from (f"not struck: {missed}" for missed in self.missed)
        for what, offenders in summary["wrong"].items():
            yield f"WRONG, {what}:"
            yield from (f"    {each}" for each in offenders)
        lossy = " --lossy" if self.lossy else ""
        verdict = "ok" if self.ok else "FAILED"
        yield f"soak --minutes {self.seconds / 60:g} --seed {self.seed}{lossy}: {verdict}"

    def _kinds(self) -> list[str]:
        return sorted({struck.fault.kind for struck in self.struck})

    def _under(self, kind: str) -> dict[str, int]:
        """Figures of what was promised while faults of a kind lasted, or soon after."""
        times = [
            (each.began_s, each.ended_s + AFTER_S)
            for each in self.struck
            if each.fault.kind == kind
        ]
        under = [fact for fact in self.promises.facts.values() if _is_within(fact, times)]
        twice = set(self.found.twice)
        return {
            "struck": len(times),
            "acknowledged": len(under),
            "lost": len(set(under) & set(self.found.lost)),
            "duplicated": sum((fact.user, fact.key) in twice for fact in under),
        }

    def _all_wrong(self) -> dict[str, list[object]]:
        """What is wrong by what it is, the first of each."""
        found = self.found
        kept = LEVELS if not self.lossy else ("postgres",)
        lost = {f"lost, {level}": found.lost_of(level) for level in kept}
        listed: dict[str, Sequence[object]] = {
            **lost,
            "duplicated": found.twice,
            "other figures than were told": found.altered,
            "nobody asked for or was told of": found.unasked,
            "wallets": found.purses,
            **self.wrong,
        }
        return {what: [str(o) for o in all_[:SHOWN]] for what, all_ in listed.items() if all_}


def _is_within(fact: Promise, times: Iterable[tuple[float, float]]) -> bool:
    return any(began <= fact.at_s <= until for began, until in times)


def _row(what: str, *figures: object) -> str:
    return f"{what:28}" + "".join(f"{figure:>13}" for figure in figures)
