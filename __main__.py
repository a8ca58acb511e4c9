"""The command line. The first lines patch the standard library, once, before anything else."""

# ruff: noqa: E402 — everything imported below must find the patched modules
from gevent import monkey

monkey.patch_all()

import os
from pathlib import Path

import click

from . import config
from .domain.bots import BotTerms
from .domain.people import Role
from .ending import end_with
from .feed_commands import DEFAULT_SEASON, chosen, match_server_command, replay_command
from .matchserver import command as match_server
from .options import (
    alg,
    data,
    faults_file,
    faults_seed,
    matches_file,
    season_seed,
    speed_factor,
)
from .services import (
    admin,
    api_server,
    books,
    flusher,
    keys,
    record,
    schema,
    statement,
    up,
    ws_server,
)
from .services.boot import check_keys, check_previous_key
from .services.logs import configure_logs, name_process
from .store.postgres import install_wait_callback


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="touchline")
@click.pass_context
def main(context: click.Context) -> None:
    """Touchline: the backend of a live football exchange."""
    install_wait_callback()
    configure_logs()
    name_process(context.invoked_subcommand or "touchline")


@main.command("up")
@data
@matches_file
@season_seed
@speed_factor
@faults_file
@faults_seed
@click.option("--api-port", type=click.IntRange(0, 65_535), default=8080, show_default=True)
@click.option("--ws-port", type=click.IntRange(0, 65_535), default=8081, show_default=True)
@click.option(
    "--until-finished",
    is_flag=True,
    help="End when every match has settled; the last line on stdout is a JSON summary.",
)
@click.option("--bots", is_flag=True, help="Have bots trade all clubs, by the season's seed.")
def up_command(
    data_dir: Path,
    matches: Path | None,
    season: int | None,
    speed: float,
    faults: Path | None,
    random_faults: int | None,
    api_port: int,
    ws_port: int,
    until_finished: bool,
    bots: bool,
) -> None:
    """Run everything in one process, with a simulated match day."""

    def run() -> int:
        played = chosen(matches, season)
        options = up.UpOptions(
            data_dir=data_dir,
            season=played,
            faults=match_server.choose_faults(played, faults, random_faults),
            speed=speed,
            api_port=api_port,
            ws_port=ws_port,
            until_finished=until_finished,
            rates=config.rates(os.environ),
            bots=_bots(season) if bots else None,
        )
        return up.run(options, config.external_servers(os.environ))

    end_with(run)


@main.command("api-server")
def api_server_command() -> None:
    """Run the HTTP API, the feed and the path of a trade."""

    def run() -> int:
        settings = config.api_settings(os.environ)
        check_keys(settings.public_keys, settings.private_key, settings.algorithm)
        check_previous_key(settings.previous_key)
        return api_server.run(settings)

    end_with(run)


@main.command("ws-server")
def ws_server_command() -> None:
    """Run the WebSocket pushes."""

    def run() -> int:
        settings = config.ws_settings(os.environ)
        check_keys(settings.public_keys)
        return ws_server.run(settings)

    end_with(run)


@main.command("flusher")
def flusher_command() -> None:
    """Run the drain from Redis into Postgres."""
    end_with(lambda: flusher.run(config.flusher_settings(os.environ)))


@main.command("record")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--url", help="Address of the feed.  [default: SPORTMONKS_URL]")
@click.option(
    "--match-server",
    "follow_clock",
    is_flag=True,
    help="The feed is a match server: keep to its calendar.",
)
def record_command(file: Path, url: str | None, follow_clock: bool) -> None:
    """Store in FILE what a feed says, until told to stop; its token is SPORTMONKS_TOKEN."""

    def run() -> int:
        feed = config.feed_settings(os.environ, url)
        return record.run(record.RecordOptions(file, feed, follow_clock))

    end_with(run)


@main.command("reconcile")
@data
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--repair", "mark", is_flag=True, help="Mark again what a flusher has to carry over.")
def reconcile_command(data_dir: Path, as_json: bool, mark: bool) -> None:
    """Prove that Redis, Postgres and the ledger agree; exit 1 and name the offenders otherwise.

    Looks at REDIS_URL and DATABASE_URL where both are set, else at a data directory.
    """

    def run() -> int:
        external = config.external_servers(os.environ)
        return books.reconcile_books(external, data_dir, as_json, mark=mark)

    end_with(run)


@main.command("ledger")
@click.argument("user")
@data
@click.option(
    "--csv", "as_csv", is_flag=True, help="Print the postings as CSV, the rest to stderr."
)
def ledger_command(user: str, data_dir: Path, as_csv: bool) -> None:
    """Print all that moved the wallet of USER, an id or an e-mail address; 0 is the treasury.

    Exit code 1 if it does not add up. Looks at REDIS_URL and DATABASE_URL where both are set, else
    at a data directory.
    """

    def run() -> int:
        external = config.external_servers(os.environ)
        return statement.print_statement(external, data_dir, user, as_csv=as_csv)

    end_with(run)


@main.group("schema")
def schema_group() -> None:
    """Bring the database up to the schema of this version."""


@schema_group.command("apply")
@data
def schema_apply_command(data_dir: Path) -> None:
    """Apply the schema files that the database lacks, breaking ones too.

    Looks at REDIS_URL and DATABASE_URL where both are set, else at a data directory.
    """
    end_with(lambda: schema.apply(config.external_servers(os.environ), data_dir))


@schema_group.command("check")
@data
def schema_check_command(data_dir: Path) -> None:
    """Say what apply would do; exit 0 if nothing, 1 if something, 2 if it cannot be done.

    Looks at REDIS_URL and DATABASE_URL where both are set, else at a data directory.
    """
    end_with(lambda: schema.check(config.external_servers(os.environ), data_dir))


@main.group("admin")
def admin_group() -> None:
    """Say who may use the operators' side of the API.

    Looks at REDIS_URL and DATABASE_URL where both are set, else at a data directory.
    """


@admin_group.command("grant")
@click.argument("email")
@data
def admin_grant_command(email: str, data_dir: Path) -> None:
    """Make the user EMAIL an admin, who has to sign in again."""
    _change_role(email, data_dir, Role.ADMIN, "is an admin from the next sign-in on")


@admin_group.command("revoke")
@click.argument("email")
@data
def admin_revoke_command(email: str, data_dir: Path) -> None:
    """Make the user EMAIL one like any other, and end all their sessions."""
    _change_role(email, data_dir, Role.USER, "is no admin any more")


@main.group("keys")
def keys_group() -> None:
    """Make keys for tokens."""


@keys_group.command("new")
@alg
def keys_new_command(alg: str) -> None:
    """Print a new key pair as JWT_PRIVATE_KEY and JWT_PUBLIC_KEYS for an environment file."""
    click.echo(keys.first(alg))


@keys_group.command("rotate")
@alg
def keys_rotate_command(alg: str) -> None:
    """Print a new key pair and what to do with it, step by step; reads JWT_PUBLIC_KEYS."""

    def run() -> int:
        click.echo(keys.next_to(config.public_keys(os.environ), alg))
        return 0

    end_with(run)


def _change_role(email: str, data_dir: Path, role: Role, said: str) -> None:
    def run() -> int:
        admin.change_role(config.external_servers(os.environ), data_dir, email, role)
        click.echo(f"{email} {said}")
        return 0

    end_with(run)


def _bots(season: int | None) -> BotTerms:
    return config.bots(os.environ, DEFAULT_SEASON if season is None else season)


main.add_command(match_server_command)
main.add_command(replay_command)

if __name__ == "__main__":
    main()
