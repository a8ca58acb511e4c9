"""One bounded question to a server of somebody else's: in time, in size, in one piece.

urllib3 bounds each read and not their sum, so a body that trickles in would never end; here the
whole answer has a deadline. Nothing is retried and no redirect is followed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlencode

import gevent
import urllib3
from urllib3.exceptions import HTTPError

CONNECT_S = 1.5  #: seconds to reach the server
TOTAL_S = 3.0  #: seconds for a whole answer
BODY_MAX = 64 * 1024  #: bytes of an answer, unless somebody expects more


class NoAnswer(Exception):
    """The server cannot be reached, is too slow, or says more than anybody wants to hear."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Asks(Protocol):
    """Whoever can be asked for a page."""

    def get(self, url: str, headers: Mapping[str, str]) -> Answer:
        """The answer to a GET. Raises NoAnswer."""
        ...


class Web:
    """Asks; may be used by many greenlets at once.

    Args:
        total_s: seconds for a whole answer.
        body_max: bytes of one.
    """

    def __init__(self, *, total_s: float = TOTAL_S, body_max: int = BODY_MAX) -> None:
        self._pool = urllib3.PoolManager(num_pools=4, maxsize=4, retries=False)
        self._total_s, self._body_max = total_s, body_max

    def get(self, url: str, headers: Mapping[str, str]) -> Answer:
        """The answer to a GET. Raises NoAnswer."""
        return self._ask("GET", url, headers, None)

    def post_form(self, url: str, fields: Mapping[str, str]) -> Answer:
        """The answer to a form. Raises NoAnswer."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._ask("POST", url, headers, urlencode(fields).encode())

    def _ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        try:
            with gevent.Timeout(self._total_s, NoAnswer(f"no answer in {self._total_s:g} s")):
                return self._read(method, url, headers, body)
        except HTTPError as error:
            raise NoAnswer(f"{type(error).__name__}: {error}") from None

    def _read(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> Answer:
        response = self._pool.request(
            method,
            url,
            headers=dict(headers),
            body=body,
            timeout=urllib3.Timeout(connect=CONNECT_S, total=self._total_s),
            redirect=False,
            preload_content=False,
        )
        try:
            content = response.read(self._body_max + 1)
            if len(content) > self._body_max:
                raise NoAnswer(f"an answer of more than {self._body_max} bytes")
        except BaseException:
            response.close()  # half read: never to be used for another request
            raise
        response.release_conn()
        named = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status, named, content)
