"""What waits for a slow client: order kept, prices conflated, the size known."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from touchline.actors.hub.outbox import CHUNK_BYTES, MAX_BYTES, MAX_FRAMES, Outbox


def drained(outbox: Outbox, step: int = 1 << 20) -> bytes:
    """Everything the outbox gives, taken *step* bytes at a time."""
    taken = b""
    while chunk := outbox.chunk():
        taken += bytes(chunk[:step])
        outbox.sent(min(step, len(chunk)))
    return taken


def test_only_the_newest_price_of_an_instrument_waits():
    outbox = Outbox()

    outbox.put_prices({1: b"old", 2: b"other"})
    outbox.put_prices({1: b"new"})

    assert drained(outbox) == b"newother"


def test_ordered_frames_keep_their_order_and_come_before_prices():
    outbox = Outbox()

    outbox.put(b"a")
    outbox.put_prices({1: b"price"})
    outbox.put(b"b")

    assert drained(outbox) == b"abprice"


def test_the_rest_of_a_half_sent_frame_comes_first():
    outbox = Outbox(b"tail")

    outbox.put(b"next")

    assert not outbox.untouched
    assert drained(outbox, step=3) == b"tailnext"
    assert outbox.untouched


def test_a_snapshot_removes_the_older_price_that_still_waits():
    outbox = Outbox()
    outbox.put_prices({1: b"old", 2: b"other"})

    outbox.put(b"snapshot", supersedes=[1, 7])

    assert drained(outbox) == b"snapshotother"


def test_what_is_joined_for_the_kernel_is_small_so_that_the_rest_can_still_conflate():
    outbox = Outbox()
    outbox.put_prices({idx: bytes(1000) for idx in range(40)})

    assert CHUNK_BYTES <= len(outbox.chunk()) < CHUNK_BYTES + 1000
    outbox.put_prices({39: b"newest"})

    assert drained(outbox).endswith(b"newest")


def test_conflation_keeps_a_client_that_only_listens_to_prices():
    outbox = Outbox()

    for _ in range(1000):
        outbox.put_prices({1: bytes(1000)})

    assert not outbox.overflows


def test_too_many_bytes_or_too_many_ordered_frames_overflow():
    many, large = Outbox(), Outbox()

    for _ in range(MAX_FRAMES):
        many.put(b"x")
    large.put(bytes(MAX_BYTES))
    assert not many.overflows
    assert not large.overflows

    many.put(b"x")
    large.put(b"x")
    assert many.overflows
    assert large.overflows


@given(
    st.lists(
        st.one_of(
            st.binary(min_size=1, max_size=9),
            st.dictionaries(st.integers(0, 3), st.binary(min_size=1, max_size=9), min_size=1),
            st.integers(0, 5),
        ),
        max_size=40,
    )
)
def test_the_size_is_what_is_left_to_send_and_ordered_frames_all_arrive(steps):
    outbox, ordered, taken = Outbox(), b"", b""

    for step in steps:
        if isinstance(step, bytes):
            outbox.put(b"o" + step + b"o")
            ordered += b"o" + step + b"o"
        elif isinstance(step, dict):
            outbox.put_prices(step)
        else:
            chunk = outbox.chunk()[:step]
            taken += bytes(chunk)
            outbox.sent(len(chunk))
    size = outbox.size
    rest = drained(outbox)

    assert len(rest) == size
    assert outbox.size == 0
    assert len(taken) + size >= len(ordered)
