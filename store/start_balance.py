"""What everybody begins with: a grant from the house, once for ever.

Source: docs/market.md, "Money".
"""

from __future__ import annotations

from ..domain.ids import UserId, uuid7
from .commands import CreditCommand
from .hot import Hot
from .scripts import Scripts

START_BALANCE_E4 = 100_000_000  #: 10,000 coins


def grant_start_balance(hot: Hot, scripts: Scripts, user: UserId, now_ms: int) -> None:
    """Give a user without a wallet the start balance; the key makes it once for ever."""
    if hot.wallet(user).version > 0:
        return
    scripts.wallet_credit(
        CreditCommand(
            entry_id=uuid7(now_ms),
            user=user,
            kind="grant",
            amount_e4=START_BALANCE_E4,
            idem_key=f"grant:start:{user}",
            note="start balance",
            now_ms=now_ms,
        )
    )
