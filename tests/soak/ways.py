"""The way to both api-servers: what the one does not answer is sent to the other as it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from random import Random
from typing import Any

import gevent
from gevent.pool import Group

from tests.hour.wire import AWAY, NOT_NOW, Line, Said

from .promises import Asked, Promises

ANSWER_S = 3.0  #: shorter than a freeze, so that two replicas get to work on one request
AGAIN_S = 0.2
SIGN_IN = "/v1/auth/dev-login"
UNAUTHORIZED = 401


class Ways(Line):
    """A line with two ends, that keeps account of what it heard."""

    def __init__(self, ports: Sequence[int], promises: Promises, seed: int) -> None:
        super().__init__(ports[0])
        self._lines = [Line(port, answer_s=ANSWER_S) for port in ports]
        self._promises = promises
        self._random = Random(seed)
        self._users: dict[str, int] = {}  # by bearer
        self._emails: dict[int, str] = {}
        self.requests: Counter[str] = Counter()  #: answered, unanswered, and put off by a 503

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Said:
        """The answer to a request that is repeated as it is, here and there, until there is one."""
        user = self._users.get(headers.get("Authorization", ""), 0)
        asked = Asked(user, method, path, body, headers)
        if path == SIGN_IN:
            return self._signed_in(asked)
        if method == "GET":
            return self._answered(asked)[0]
        self._promises.begin(asked)
        said, doubtful = self._answered(asked)
        self._promises.end(asked, said, doubtful=doubtful)
        return said

    def sign_in(self, email: str) -> tuple[int, str]:
        """The user with that address, and what to send as Authorization."""
        said = self.ask("POST", SIGN_IN, {"email": email})
        return int(said.body["user"]["id"]), f"Bearer {said.body['access_token']}"

    def ask_again(self, within_s: float) -> list[Asked]:
        """Send all requests whose outcome is open once more; return those that nobody answers.

        A change of stops has no key, so of those the ledger alone knows.
        """
        asked = [each for each in self._promises.open.values() if each.method != "PATCH"]
        pool = Group()
        for each in asked:
            pool.spawn(self._settle, each)
        pool.join(within_s)
        pool.kill()
        return [each for each in asked if id(each) in self._promises.open]

    def _settle(self, asked: Asked) -> None:
        _, bearer = self.sign_in(self._emails[asked.user])
        headers = {**asked.headers, "Authorization": bearer}
        said, _ = self._answered(Asked(asked.user, asked.method, asked.path, asked.body, headers))
        self._promises.end(asked, said, doubtful=False)

    def _signed_in(self, asked: Asked) -> Said:
        said, _ = self._answered(asked)
        user = int(said.body["user"]["id"])
        self._users[f"Bearer {said.body['access_token']}"] = user
        self._emails[user] = asked.body["email"]
        return said

    def _answered(self, asked: Asked) -> tuple[Said, bool]:
        """The answer to *asked*, and whether there were tries before that have none."""
        for tries, line in self._turns():
            said = self._once(line, asked.method, asked.path, asked.body, asked.headers)
            if said is not None and not _is_put_off(said):
                return said, tries > 0
            gevent.sleep(AGAIN_S)
        raise AssertionError("there is always one more turn")

    def _once(
        self, line: Line, method: str, path: str, body: Any, headers: Mapping[str, str]
    ) -> Said | None:
        try:
            said = line.once(method, path, body, headers)
        except AWAY:
            self.requests["unanswered"] += 1
            return None
        self.statuses[said.status] += 1
        self.requests["put off" if _is_put_off(said) else "answered"] += 1
        return said

    def _turns(self) -> Iterator[tuple[int, Line]]:
        first = self._random.randrange(len(self._lines))
        return ((tries, self._lines[(first + tries) % len(self._lines)]) for tries in count())


def _is_put_off(said: Said) -> bool:
    """Whether the answer asks to come again, in part at least."""
    if said.status in NOT_NOW:
        return True
    results = said.body.get("results", ()) if isinstance(said.body, dict) else ()
    return any(result["status"] in NOT_NOW for result in results)
