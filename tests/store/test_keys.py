"""Names of keys under a tag."""

import pytest
from touchline.store.keys import Keys, State


def test_a_tag_stands_before_every_key_and_alone_changes_nothing_else() -> None:
    plain, tagged = Keys(), Keys("{m}")

    assert (plain.inst(7), tagged.inst(7)) == ("inst:7", "{m}inst:7")
    assert tagged.trade_outbox == "{m}trade_outbox"
    assert tagged.dirty(State.WALLETS) == "{m}dirty:wallets"
    assert tagged.idem(5, "k") == "{m}idem:5:k"


@pytest.mark.parametrize(
    ("state", "member", "expected"),
    [
        (State.INSTRUMENTS, "17", ("inst:17", "v")),
        (State.WALLETS, "0", ("wallet:0", "v")),
        (State.HOLDINGS, "5:17", ("hold:5", "v:17")),
    ],
)
def test_a_dirty_member_leads_to_its_hash_and_version(
    state: State, member: str, expected: tuple[str, str]
) -> None:
    assert Keys().versioned(state, member) == expected
