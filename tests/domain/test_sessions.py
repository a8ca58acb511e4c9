"""Refresh tokens by the rule: one good, one forgiven for a minute, the others a reason to stop."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from touchline.domain.sessions import GRACE_S, Chain, Shown, Verdict, judge

FIRST, SECOND, THIRD, STRANGE = (bytes([n]) * 32 for n in range(4))
CHAIN = Chain(SECOND, FIRST, rotated_ago_s=10.0, expires_in_s=1000.0, revoked=False)


def test_the_good_token_is_followed_by_the_next() -> None:
    assert judge(CHAIN, Shown(SECOND, THIRD, ours=True)) is Verdict.ROTATE


def test_the_good_token_stays_good_when_the_key_that_proves_tokens_was_changed() -> None:
    assert judge(CHAIN, Shown(SECOND, THIRD, ours=False)) is Verdict.ROTATE


def test_a_client_that_lost_the_answer_is_told_it_again() -> None:
    assert judge(CHAIN, Shown(FIRST, SECOND, ours=True)) is Verdict.REPEAT


@pytest.mark.parametrize(
    ("ago_s", "verdict"), [(GRACE_S, Verdict.REPEAT), (GRACE_S + 0.1, Verdict.REUSED)]
)
def test_it_is_told_again_for_a_minute(ago_s: float, verdict: Verdict) -> None:
    chain = replace(CHAIN, rotated_ago_s=ago_s)

    assert judge(chain, Shown(FIRST, SECOND, ours=True)) is verdict


def test_once_the_successor_was_used_the_token_before_it_is_a_theft_at_once() -> None:
    chain = replace(CHAIN, current=THIRD, previous=SECOND, rotated_ago_s=0.0)

    assert judge(chain, Shown(FIRST, SECOND, ours=True)) is Verdict.REUSED


def test_a_successor_that_can_no_longer_be_made_costs_nobody_the_session() -> None:
    assert judge(CHAIN, Shown(FIRST, STRANGE, ours=False)) is Verdict.REFUSE


def test_a_token_that_was_made_up_ends_nothing() -> None:
    assert judge(CHAIN, Shown(STRANGE, THIRD, ours=False)) is Verdict.REFUSE


@pytest.mark.parametrize("over", [{"revoked": True}, {"expires_in_s": 0.0}])
@pytest.mark.parametrize("digest", [FIRST, SECOND, STRANGE])
def test_nothing_opens_a_session_that_is_over(over: dict[str, object], digest: bytes) -> None:
    chain = replace(CHAIN, **over)

    assert judge(chain, Shown(digest, THIRD, ours=True)) is Verdict.OVER


@given(
    st.lists(st.tuples(st.sampled_from(["honest", "thief"]), st.floats(0, 200)), max_size=30),
    st.integers(0, 5),
)
def test_of_two_who_hold_one_chain_no_two_go_on_past_the_grace(
    turns: list[tuple[str, float]], stolen_after: int
) -> None:
    """A thief copies the honest client's token once; from then on each refreshes its own."""
    names = [bytes([n]) * 32 for n in range(64)]
    chain = Chain(names[0], None, 1000.0, 1e9, revoked=False)
    holds = {"honest": 0, "thief": None}
    for turn, (who, waited_s) in enumerate(turns):
        if turn == stolen_after:
            holds["thief"] = holds["honest"]
        mine = holds[who]
        if mine is None:
            continue
        chain = replace(chain, rotated_ago_s=chain.rotated_ago_s + waited_s)
        at = names.index(chain.current)
        verdict = judge(chain, Shown(names[mine], names[mine + 1], ours=True))
        if verdict is Verdict.REUSED:
            assert mine < at
            return
        # Whoever goes on holds the good token now; whoever does not is found out, or is one behind.
        assert verdict in (Verdict.ROTATE, Verdict.REPEAT)
        assert mine == at or (mine == at - 1 and chain.rotated_ago_s <= GRACE_S)
        if verdict is Verdict.ROTATE:
            chain = replace(chain, current=names[at + 1], previous=names[at], rotated_ago_s=0.0)
        holds[who] = mine + 1
