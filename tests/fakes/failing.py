"""A stand-in that works like the real thing until it is told to die."""

from collections.abc import Callable
from typing import Any


class Killed(BaseException):
    """The process ends here; nothing may catch it, as nothing catches SIGKILL."""


class Countdown:
    """Counts the steps of everything it guards and kills before or after the n-th."""

    def __init__(self, step: int | None = None, *, after: bool = False) -> None:
        self.taken = 0
        self._step = step
        self._after = after

    def guard(self, real: Any) -> Any:
        """*real*, each of whose methods counts as one step."""
        return _Guarded(real, self)

    def run(self, call: Callable[[], Any]) -> Any:
        """One step."""
        self.taken += 1
        mine = self.taken == self._step
        if mine and not self._after:
            raise Killed
        result = call()
        if mine:
            raise Killed
        return result


class _Guarded:
    def __init__(self, real: Any, countdown: Countdown) -> None:
        self._real = real
        self._countdown = countdown

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        if not callable(found) or name == "transaction":
            return found
        return lambda *args, **kwargs: self._countdown.run(lambda: found(*args, **kwargs))


class Away:
    """*real*, until ``away`` is set: then every use of it raises *outage*, and is counted."""

    def __init__(self, real: Any, outage: Exception) -> None:
        self.away = False
        self.tried = 0
        self._real = real
        self._outage = outage

    def __getattr__(self, name: str) -> Any:
        if self.away:
            self.tried += 1
            raise self._outage
        return getattr(self._real, name)


class Meanwhile:
    """*real*, but the *nth* use of *method* (from 0) finds that *happened* has just happened."""

    def __init__(
        self, real: Any, method: str, happened: Callable[[], object], *, nth: int = 0
    ) -> None:
        self._real = real
        self._method = method
        self._happened = happened
        self._left = nth

    def __getattr__(self, name: str) -> Any:
        if name == self._method:
            self._left -= 1
            if self._left == -1:
                self._happened()
        return getattr(self._real, name)


class Interrupted:
    """A Redis; before the *nth* use of it something has *happened*."""

    def __init__(self, real: Any, nth: int, happened: Callable[[], object]) -> None:
        self.left = nth
        self._real, self._happened = real, happened

    def __getattr__(self, name: str) -> Any:
        self.left -= 1
        if self.left == 0:
            self._happened()
        return getattr(self._real, name)
