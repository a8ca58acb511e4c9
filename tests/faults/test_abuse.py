"""Abuse of a running ws-server: nothing is left of it, and honest clients notice nothing."""

from __future__ import annotations

import random
import resource
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from gevent.pool import Pool

from tests.abuse.hub import Hub, open_hub
from tests.abuse.kinds import QUICK, Attack, deaf, half_open, silent_handshake, slow_handshake

AT_ONCE = 300
FEW_FILES = 400  #: of which 256 are no seats
MANY = 200  #: of each kind
ROUND, ROUNDS = 2_000, 4
#: What four rounds may add to the memory after the first one: what is freed has holes. A
#: kilobyte left by each connection would be three times as much.
HOLES_KIB = 2_048


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """One for all abuse: each test leaves it as it found it."""
    with open_hub(tmp_path_factory.mktemp("abuse")) as hub:
        yield hub


def attack(hub: Hub, attacks: Iterable[Attack], at_once: int = AT_ONCE) -> None:
    """Carry out *attacks* while the market moves; return when the abusers are through."""
    with hub.moving():
        pool = Pool(at_once)
        for one in attacks:
            pool.spawn(one, hub.target)
        pool.join(raise_error=True)


@pytest.mark.parametrize("kind", QUICK, ids=lambda kind: kind.__name__)
def test_a_kind_of_abuse_leaves_nothing_and_costs_no_honest_client_a_message(
    hub: Hub, kind: Attack
) -> None:
    attack(hub, [kind] * MANY)

    hub.only_honest_clients_are_left()
    hub.everybody_knows_everything()
    assert hub.said() == []


def test_those_who_hold_on_to_what_they_have_are_thrown_out_in_time(hub: Hub) -> None:
    # The deaf are a tenth of all who listen.
    slow = [slow_handshake] * 200 + [deaf] * 2 + [half_open] * 20

    attack(hub, slow)

    hub.only_honest_clients_are_left()
    hub.everybody_knows_everything()
    assert hub.said() == []


def test_thousands_of_abusive_connections_leave_no_file_and_no_memory(hub: Hub) -> None:
    memory: list[int] = []

    for _ in range(ROUNDS):
        attack(hub, random.choices(QUICK, k=ROUND))
        hub.only_honest_clients_are_left()
        memory.append(hub.memory_kib())

    hub.everybody_knows_everything()
    assert hub.said() == []
    print("resident memory after each round, KiB:", *memory)
    assert memory[-1] - memory[0] < HOLES_KIB


def test_half_handshakes_do_not_use_up_the_files_of_the_process(tmp_path: Path) -> None:
    with ExitStack() as stack:
        with files_limited(FEW_FILES):
            hub = stack.enter_context(open_hub(tmp_path))
        attack(hub, [silent_handshake] * 2 * FEW_FILES, at_once=2 * FEW_FILES)

        # One that could not open a file would have said so, to the log or by its end.
        hub.only_honest_clients_are_left()
        hub.everybody_knows_everything()
        assert hub.said() == []


@contextmanager
def files_limited(most: int) -> Iterator[None]:
    """Let processes that are started meanwhile open *most* files each."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
