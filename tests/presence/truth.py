"""When users were really connected to anything, and what they were told they have missed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Container
from dataclasses import dataclass

from touchline.domain.ids import UserId


@dataclass(slots=True)
class Window:
    """From when until when (calendar ms) a user had no connection.

    Args:
        server: that had the last one.
        silent: servers that had not heard of the end of others of the user's.
        unknown: that server died, and Redis knows nothing of that one.
    """

    from_ms: int
    server: str
    silent: Container[str]
    to_ms: int | None = None
    unknown: bool = False


class Truth:
    """What happened, as nobody in the story knows it.

    Attributes:
        windows: of each user, in order; the last one may be open yet.
        near_ms: how much two clocks may differ.
        told: replays that were told of, from when until when; from None if nobody knew.
    """

    def __init__(self, near_ms: int) -> None:
        self.windows: dict[UserId, list[Window]] = defaultdict(list)
        self.told: dict[UserId, list[tuple[int | None, int]]] = defaultdict(list)
        self._connections: Counter[UserId] = Counter()
        self.near_ms = near_ms

    def connected(self, user: UserId, at_ms: int) -> None:
        """One connection of *user* more."""
        self._connections[user] += 1
        for window in self.windows[user]:
            window.to_ms = window.to_ms or at_ms

    def disconnected(
        self, user: UserId, server: str, at_ms: int, silent: Container[str] = ()
    ) -> None:
        """One less, which was at *server*; *silent* ones have not heard of the end of others."""
        self._connections[user] -= 1
        if not self._connections[user]:
            self.windows[user].append(Window(at_ms, server, silent))

    def died(self, server: str, told_ms: int) -> None:
        """*server* is gone, which had said that it had told all it had seen up to *told_ms*.

        It was wrong about clients whose network is gone: see "Limits" of decision 29.
        """
        for windows in self.windows.values():
            for window in [w for w in windows if server in w.silent]:
                window.from_ms = max(window.from_ms, told_ms)
                if window.to_ms is not None and window.to_ms <= window.from_ms:
                    windows.remove(window)

    def forgotten(self, user: UserId, server: str, since_ms: int) -> None:
        """That *user* left *server*, *since_ms* or later, nobody can know any more."""
        for window in self.windows[user]:
            window.unknown |= window.server == server and window.from_ms >= since_ms - self.near_ms

    def is_connected(self, user: UserId) -> bool:
        """Whether *user* is connected to anything."""
        return self._connections[user] > 0

    def replayed(self, user: UserId, from_ms: int | None, to_ms: int) -> None:
        """*user* is told of what they missed between these two; longer is well, shorter is not."""
        self.told[user].append((from_ms, to_ms))

    @property
    def holes(self) -> dict[UserId, list[Window]]:
        """What users have missed and were not told of."""
        holes = {
            user: [window for window in windows if not self._is_covered(user, window)]
            for user, windows in self.windows.items()
        }
        return {user: missed for user, missed in holes.items() if missed}

    def _is_covered(self, user: UserId, window: Window) -> bool:
        return any(self._covers(window, from_ms, to_ms) for from_ms, to_ms in self.told[user])

    def _covers(self, window: Window, from_ms: int | None, to_ms: int) -> bool:
        near = self.near_ms
        if window.to_ms == window.from_ms:
            return True
        if window.to_ms is None or to_ms < window.to_ms - near:
            return False
        return window.unknown or (from_ms is not None and from_ms <= window.from_ms + near)
