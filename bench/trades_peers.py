"""The peers of bench/trades.py: the same script by redis-benchmark, the same trade by pgbench."""

from __future__ import annotations

import re
import subprocess
import tempfile
import time
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import redis
from touchline.store.commands import TradeCommand
from touchline.store.executable import kinds
from touchline.store.keys import Keys
from touchline.store.postgres import Postgres
from trades_command import PEER_USER, RICH_E4, command
from trades_exchange import INSTRUMENTS, Exchange

HERE = Path(__file__).resolve().parent
#: Replaced by redis-benchmark, by other numbers every time; they are the same in every run.
ANY = "__rand_int__"
PG_CLIENTS = 8
_PGBENCH = f"""\\set uid random(1, :traders)
\\set idx random({INSTRUMENTS + 1}, {2 * INSTRUMENTS})
\\set n random(1, 9000000000000000)
\\set buys random(0, 1)
\\if :buys
SELECT peer_trade(:uid, :idx, 'buy', 10, :n::text, repeat('f', 64));
\\else
SELECT peer_trade(:uid, :idx, 'sell', 10, :n::text, repeat('f', 64));
\\endif
"""


class Peer(NamedTuple):
    """What a peer reached."""

    per_s: float
    per_core_s: float  #: for each CPU second of the server it loads


def fill_peers(exchange: Exchange) -> None:
    """Put there what the peers need and nobody else touches."""
    pg = Postgres(exchange.servers.database_url, size=1)
    with pg.transaction() as cursor:
        cursor.execute((HERE / "trades_peer.sql").read_text())
    pg.close()
    with redis.Redis.from_url(exchange.servers.redis_url) as client:
        wallet = {"cash": RICH_E4, "locked": 0, "v": 1}
        client.hset(Keys().wallet(PEER_USER), mapping=wallet)
        kinds()[TradeCommand].script.load(client)


def evalsha(exchange: Exchange, pipeline: int, trades: int) -> Peer:
    """(b): the script that the executor runs, sent by redis-benchmark over 4 connections."""
    kind = kinds()[TradeCommand]
    keys, args = kind.call(Keys(), command(ANY, f"{time.time_ns()}-{ANY}"))
    socket = unquote(urlsplit(exchange.servers.redis_url).path)
    load = ("-s", socket, "-n", str(trades), "-c", "4" if pipeline > 1 else "50")
    drawn = ("-P", str(pipeline), "-r", "1000000000", "--csv")
    call = ("EVALSHA", kind.script.sha, str(len(keys)), *keys, *args)
    with redis.Redis.from_url(exchange.servers.redis_url) as client:
        made_before = pushes(client)
        before = exchange.spent()
        said = output("redis-benchmark", *load, *drawn, *call)
        spent = exchange.spent() - before
        made = pushes(client) - made_before
        client.unlink(Keys().trade_outbox)
    if made < 0.99 * trades:
        raise RuntimeError(f"only {made} of {trades} were trades")
    per_s = float(said.splitlines()[-1].split('","')[1])
    return Peer(per_s, trades / spent.redis)


def pushes(client: redis.Redis) -> int:
    """One was made for every trade of the peer's user."""
    return int(client.get(Keys().pfseq(PEER_USER)) or 0)


def one_transaction(exchange: Exchange, seconds: float) -> Peer:
    """(c): the same trade as one transaction that locks its rows, sent by pgbench."""
    query = dict(
        pair.split("=") for pair in urlsplit(exchange.servers.database_url).query.split("&")
    )
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(_PGBENCH)
        script.flush()
        load = ("-c", str(PG_CLIENTS), "-j", "1", "-T", str(round(seconds)), "-M", "prepared")
        variables = ("-D", f"traders={len(exchange.tokens)}")
        where = ("-h", unquote(query["host"]), "-U", "touchline", "touchline")
        before = exchange.spent()
        said = output("pgbench", "-n", "-f", script.name, *load, *variables, *where)
        spent = exchange.spent() - before
    done = re.search(r"actually processed: (\d+)", said)
    per_s = re.search(r"tps = ([0-9.]+)", said)
    failed = re.search(r"failed transactions: (\d+)", said)
    if done is None or per_s is None or failed is None or int(failed[1]):
        raise RuntimeError(f"pgbench said:\n{said}")
    return Peer(float(per_s[1]), int(done[1]) / spent.postgres)


def output(*command: str) -> str:
    """What *command* prints. Raises RuntimeError, with what it complained of."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {done.stderr[-2000:]}")
    return done.stdout
