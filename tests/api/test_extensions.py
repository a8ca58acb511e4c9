"""What is agreed on in a handshake: a compression that keeps no state, or none."""

from __future__ import annotations

import pytest
from touchline.http.extensions import AGREED, agreed


@pytest.mark.parametrize(
    "offers",
    [
        "permessage-deflate",
        "permessage-deflate; client_max_window_bits",  # Chromium, Firefox
        "permessage-deflate; client_max_window_bits=15; server_no_context_takeover",
        "permessage-deflate;client_no_context_takeover ; server_no_context_takeover",
        "x-webkit-deflate-frame, permessage-deflate",
        'permessage-deflate; client_max_window_bits="9"',
        # The first of its offers cannot be had, and so it says what it would do without.
        "permessage-deflate; server_max_window_bits=9, permessage-deflate",
        "permessage-deflate; unheard_of, permessage-deflate",
    ],
)
def test_an_offer_is_taken_and_every_message_compressed_by_itself(offers: str) -> None:
    assert agreed(offers) == AGREED


@pytest.mark.parametrize("bits", [12, 13, 15])
def test_a_smaller_window_is_had_where_it_was_asked_for(bits: int) -> None:
    answer = agreed(f"permessage-deflate; server_max_window_bits={bits}")

    assert answer == f"{AGREED}; server_max_window_bits=12"


@pytest.mark.parametrize(
    "offers",
    [
        "",
        "permessage-bzip2",
        "permessage-deflate; server_max_window_bits=11",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=012",
        "permessage-deflate; client_max_window_bits=7",
        "permessage-deflate; client_max_window_bits=",
        "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        "permessage-deflate; unheard_of",
        "permessage-deflate; ",
        "permessage-deflate=1",
        ";;,,;=",
    ],
)
def test_what_is_misshapen_or_cannot_be_done_is_passed_over(offers: str) -> None:
    assert agreed(offers) is None
