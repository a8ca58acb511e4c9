"""One exchange for all faults: each test leaves it as healthy as it found it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.register_assert_rewrite("tests.faults.exchange", "tests.faults.seen")

from .exchange import Exchange, open_exchange  # noqa: E402 - their assertions are to be shown
from .linked import Linked, open_linked  # noqa: E402 - it imports them


@pytest.fixture(scope="session")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """A running exchange with two clients that trade and listen."""
    with open_exchange(tmp_path_factory.mktemp("faults")) as running:
        yield running


@pytest.fixture(scope="package")
def linked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Linked]:
    """Another one, whose links to the servers can fail."""
    with open_linked(tmp_path_factory.mktemp("links")) as running:
        yield running
