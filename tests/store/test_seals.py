"""Seeds are kept so that only api-servers read them, each for its own week."""

from __future__ import annotations

import pytest
from touchline.store.seals import Sealer

SEED, ONE, TWO = b"\x01" * 32, b"a" * 32, b"b" * 32


def test_what_was_sealed_opens_for_its_week_alone() -> None:
    sealed = Sealer(ONE).seal(SEED, "2026-W43")

    assert Sealer(ONE).open(sealed, "2026-W43") == SEED
    assert Sealer(ONE).open(sealed, "2026-W44") is None
    assert SEED not in sealed


def test_a_seed_is_sealed_otherwise_each_time() -> None:
    sealer = Sealer(ONE)

    assert sealer.seal(SEED, "2026-W43") != sealer.seal(SEED, "2026-W43")


def test_what_a_key_has_sealed_that_was_replaced_opens_while_it_is_known() -> None:
    sealed = Sealer(ONE).seal(SEED, "2026-W43")

    assert Sealer(TWO).open(sealed, "2026-W43") is None
    assert Sealer(TWO, ONE).open(sealed, "2026-W43") == SEED
    assert not Sealer(TWO, ONE).fresh(sealed)
    assert Sealer(TWO, ONE).fresh(Sealer(TWO).seal(SEED, "2026-W43"))


@pytest.mark.parametrize("place", range(0, 68, 5))
def test_no_byte_of_a_seal_can_be_changed(place: int) -> None:
    sealed = bytearray(Sealer(ONE).seal(SEED, "2026-W43"))
    sealed[place] ^= 1

    assert Sealer(ONE).open(bytes(sealed), "2026-W43") is None


@pytest.mark.parametrize("length", [0, 7, 8, 19, 20, 40])
def test_what_is_cut_off_is_no_seal(length: int) -> None:
    assert Sealer(ONE).open(Sealer(ONE).seal(SEED, "w")[:length], "w") is None
