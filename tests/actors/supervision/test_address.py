"""Addresses: by name, before, across and after the children behind them."""

from __future__ import annotations

import gevent
import pytest
from touchline.actors.address import Addresses
from touchline.actors.errors import AskTimeout, Undelivered

from tests.fakes.probe import Life, StartTree, hang


def test_a_tell_to_an_unknown_name_is_counted_and_never_raises(addresses: Addresses) -> None:
    addresses.of("nobody").tell("hello")

    assert addresses.undelivered() == {"nobody": 1}


def test_an_ask_to_an_unknown_name_fails_at_once(addresses: Addresses) -> None:
    with pytest.raises(Undelivered, match="nobody: stopped or unknown"):
        addresses.of("nobody").ask("hello", timeout_s=60)


def test_an_address_made_before_the_tree_reaches_the_child(
    start_tree: StartTree, life: Life, addresses: Addresses
) -> None:
    early = addresses.of("a")
    start_tree(life.child("a"))

    assert early.ask("hello") == "hello"


def test_an_ask_to_a_stopped_child_fails_at_once(start_tree: StartTree, life: Life) -> None:
    tree = start_tree(life.child("a"))
    tree.stop()

    with pytest.raises(Undelivered):
        tree.ask("a", "hello", timeout_s=60)


def test_an_ask_gives_up_after_its_timeout(start_tree: StartTree, life: Life) -> None:
    tree = start_tree(life.child("a", stop_s=0.0))
    tree.tell("a", hang)

    with pytest.raises(AskTimeout):
        tree.ask("a", "hello", timeout_s=0.01)


def test_a_timeout_of_the_asker_itself_passes_through_an_ask(
    start_tree: StartTree, life: Life
) -> None:
    tree = start_tree(life.child("a", stop_s=0.0))

    with pytest.raises(gevent.Timeout) as own, gevent.Timeout(0.01) as mine:
        tree.ask("a", hang, timeout_s=60)

    assert own.value is mine
