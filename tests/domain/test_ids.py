"""Ids of facts, and instants as clients read them."""

from uuid import UUID

import pytest
from touchline.domain.clock import rfc3339
from touchline.domain.ids import uuid7


def test_an_id_is_a_version_7_uuid_with_its_time_in_front() -> None:
    made = UUID(uuid7(1_792_854_300_123))

    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert made.int >> 80 == 1_792_854_300_123


def test_ids_sort_by_the_time_they_were_made_at() -> None:
    ids = [uuid7(now_ms) for now_ms in (0, 1, 1_000, 2**48 - 1)]

    assert ids == sorted(ids)


def test_ids_of_one_instant_differ() -> None:
    assert len({uuid7(5) for _ in range(1_000)}) == 1_000


@pytest.mark.parametrize("now_ms", [-1, 2**48])
def test_an_instant_beyond_48_bits_has_no_id(now_ms: int) -> None:
    with pytest.raises(ValueError, match="out of range"):
        uuid7(now_ms)


@pytest.mark.parametrize(
    ("at_ms", "text"),
    [
        (1_792_854_300_123, "2026-10-24T15:05:00.123Z"),
        (1_792_854_300_999, "2026-10-24T15:05:00.999Z"),
        (0, "1970-01-01T00:00:00.000Z"),
    ],
)
def test_instants_are_written_to_the_millisecond(at_ms: int, text: str) -> None:
    assert rfc3339(at_ms) == text
