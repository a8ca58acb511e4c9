"""Puts a scene into an exchange, and says what a script must leave of it."""

from collections.abc import Mapping
from typing import Any

from touchline.domain.cfd import Changed
from touchline.domain.ids import TREASURY
from touchline.domain.positions import Position, crosses, levels
from touchline.domain.refusals import Refused
from touchline.domain.ticks import Tick
from touchline.store.entries import Entry
from touchline.store.files import filed_at
from touchline.store.hashes import instrument_hash, wallet_hash
from touchline.store.keys import OutboxName
from touchline.store.outbox import Outbox
from touchline.store.position_commands import Happened, PositionCommand, PositionKey
from touchline.store.position_hashes import position_hash

from tests.fakes.exchange import ANN, ARS, Exchange, wallet_fields
from tests.fakes.scenes import Scene

WHERE = PositionKey("p-1", ANN, ARS)  #: the position of every scene


def tick_fields(tick: Tick) -> dict[str, str]:
    """Fields of a tick's entry, as lua/ticks.lua writes them."""
    numbers = {
        "s": tick.seq,
        "f": tick.index_px,
        "q": tick.inventory,
        "b": tick.bid_px,
        "a": tick.ask_px,
        "m": tick.mark_px,
        "mid": tick.mid_px,
        "h": int(tick.halt),
    }
    return {name: str(number) for name, number in numbers.items()} | {"w": tick.why}


def arrange(exchange: Exchange, scene: Scene) -> None:
    """Have Redis hold *scene* and nothing else."""
    client, keys, position = exchange.client, exchange.keys, scene.position
    client.flushdb()
    pipe = client.pipeline(transaction=False)
    pipe.hset(keys.inst(ARS), mapping=instrument_hash(scene.instrument))
    pipe.hset(keys.wallet(ANN), mapping=wallet_fields(scene.wallet))
    pipe.hset(keys.wallet(TREASURY), mapping=wallet_hash(scene.treasury))
    put(exchange, pipe, position)
    for tick in scene.ticks:
        pipe.xadd(keys.ticks(ARS), tick_fields(tick), id=tick.id)
    if scene.watch:
        pipe.hset(keys.watch(ARS), mapping={"id": scene.watch[0], "s": scene.watch[1]})
    pipe.execute()


def put(exchange: Exchange, pipe: Any, position: Position) -> None:
    """Store *position* and file it, through *pipe*."""
    keys = exchange.keys
    pipe.hset(keys.pos(position.id), mapping=position_hash(position))
    if position.qty:
        pipe.hset(keys.hold(position.user), f"{position.side.value[0]}:{ARS}", position.qty)
        pipe.sadd(keys.open_by_user(position.user), position.id)
        pipe.sadd(keys.open_by_club(ARS), position.id)
    for key, px in filed_at(keys, position).items():
        pipe.zadd(key, {position.id: px})


def same(
    exchange: Exchange, command: PositionCommand, expected: Changed | Refused
) -> Happened | None:
    """Run *command*, which must do exactly what its twin *expected*; what happened, if it did.

    A refusal has the twin's details and leaves everything as it was; else state, tick and filing
    are the twin's.
    """
    before = exchange.dump()
    outcome = exchange.run(command)
    if isinstance(expected, Refused):
        assert outcome == expected
        assert exchange.dump() == before
        return None
    assert isinstance(outcome, Happened), outcome
    assert stored(exchange, expected.position.id) == images(exchange, expected)
    traded = expected.priced is not None
    newest = exchange.client.xrevrange(exchange.keys.ticks(ARS), count=1)
    if traded:
        assert newest == [newest_tick(expected, outcome.entry["k"])]
    facts = Outbox(exchange.client, exchange.keys.outbox(OutboxName.POSITIONS)).read(10)
    assert facts == [Entry(outcome.entry_id, outcome.entry)]
    return outcome


def stored(exchange: Exchange, position: str) -> dict[str, Any]:
    """All that a command may have changed."""
    client, keys = exchange.client, exchange.keys
    return {
        "instrument": client.hgetall(keys.inst(ARS)),
        "wallet": client.hgetall(keys.wallet(ANN)),
        "treasury": client.hgetall(keys.wallet(TREASURY)),
        "position": client.hgetall(keys.pos(position)),
        "filed": {
            key: score
            for key in keys.trig(ARS)
            if (score := client.zscore(key, position)) is not None
        },
        "open": [
            client.sismember(keys.open_by_user(ANN), position),
            client.sismember(keys.open_by_club(ARS), position),
        ],
    }


def images(exchange: Exchange, changed: Changed) -> dict[str, Any]:
    """What `stored` is after *changed*."""
    is_open = changed.position.qty > 0
    return {
        "instrument": instrument_hash(changed.instrument),
        "wallet": wallet_fields(changed.wallet),
        "treasury": wallet_hash(changed.treasury),
        "position": position_hash(changed.position),
        "filed": filed_at(exchange.keys, changed.position),
        "open": [is_open, is_open],
    }


def newest_tick(changed: Changed, kind: str) -> tuple[str, dict[str, str]]:
    """The tick that an event of *kind* has published."""
    club = changed.instrument
    tick = Tick(
        club.last_tick_id,
        club.seq,
        club.index_px,
        club.inventory,
        club.bid_px,
        club.ask_px,
        club.mark_px,
        club.mid_px,
        "cfd" if kind == "open" else kind,
        club.halt,
    )
    return tick.id, tick_fields(tick)


def fact_of(changed: Changed, **head: object) -> Mapping[str, str]:
    """The whole fact of *changed*, digit for digit; *head* is what the command alone knows."""
    price, done, why = changed.priced, changed.settlement, changed.breach
    club, wallet, treasury = changed.instrument, changed.wallet, changed.treasury
    fields: dict[str, object] = {
        "tqty": 0,
        "px": price.px if price else "",
        "val": price.value_e4 if price else 0,
        "fee": price.fee_e4 if price else 0,
        "pnl": done.pnl_e4 if done else 0,
        "loss": done.shortfall_e4 if done else 0,
        "dm": -done.margin_e4 if done else 0,
        "by": "client",
        "reason": why.reason.value if why else "client" if done else "",
        "ttick": "",
        "tquote": why.quote_px if why else "",
        "tlevel": why.level_px if why else "",
        "tf": "",
        "approx": 0,
        "idem": "",
        "fp": "",
        "coid": "",
        "cash": wallet.cash_e4,
        "locked": wallet.locked_e4,
        "wv": wallet.version,
        "tcash": treasury.cash_e4,
        "tv": treasury.version,
        "turn": treasury.version,
        "q": club.inventory,
        "so": club.short_interest,
        "iv": club.version,
        "seq": club.seq,
        "tick": club.last_tick_id,
    }
    if done:
        fields["fee"] = done.fee_e4
    texts = {name: str(value) for name, value in (fields | head).items()}
    return texts | position_hash(changed.position)


def unscanned(scene: Scene) -> bool:
    """Whether a tick since the last check, or since the watch, may have done something.

    The pure twin of quiet() in lua/breaches.lua.
    """
    position = scene.position
    seen = position.checked_seq
    if scene.watch and scene.watch[1] > seen:
        seen = scene.watch[1]
    later = [tick for tick in scene.ticks if tick.seq > seen]
    contiguous = [tick.seq for tick in later] == list(range(seen + 1, seen + 1 + len(later)))
    at = levels(position)
    return not contiguous or any(crosses(position, at, tick) for tick in later)
