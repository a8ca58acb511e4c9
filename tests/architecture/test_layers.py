"""The architecture as a test: who may import whom, what is packaged, how big things are."""

from __future__ import annotations

import ast
import configparser
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LAYERS = ("domain", "store", "actors", "http", "services")
OUTSIDE = {"tests", "bench", ".venv", "build", ".typing", "docs", "web", ".ci"}
#: What each layer may import of ours; client, standin and protocol stand alone.
MAY_IMPORT = {
    "domain": {"domain"},
    "store": {"store", "domain", ""},
    "actors": {"actors", "store", "domain", "protocol"},
    "http": {"http", "actors", "store", "domain", "protocol"},
    "client": {"client"},
    "issuer": {"issuer", "standin"},
    "matchserver": {"matchserver", "standin"},
    "protocol": {"protocol"},
    "standin": {"standin"},
    "services": {
        "services",
        "http",
        "actors",
        "store",
        "domain",
        "issuer",
        "matchserver",
        "config",
        "",
    },
}
#: Distributions a layer may import directly; None stands for "any of ours".
OUTSIDE_LIBRARIES = {
    "client": {"msgspec", "urllib3", "websockets"},
    "domain": set(),
    "issuer": {"cryptography", "jwt"},
    "matchserver": {"gevent", "msgspec"},
    "protocol": {"msgspec"},
    "standin": {"gevent"},
}
#: http may name addresses and messages of actors, never an actor class. What is counted
#: for /metrics is plain data like health, and HTTP counts with the same types.
ACTOR_FACES = {"address", "messages", "health", "meters"}


def sources(folder: str = "") -> Iterator[Path]:
    for path in sorted((ROOT / folder).rglob("*.py")):
        if path.relative_to(ROOT).parts[0] not in OUTSIDE:
            yield path


def imported(path: Path) -> Iterator[tuple[str, ...]]:
    """Every module of ours or of others that *path* imports, as dotted parts."""
    package = ("touchline", *path.relative_to(ROOT).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = (*base, *(node.module or "").split(".")) if node.module else base
            if node.module:
                yield module
            else:
                yield from ((*module, alias.name) for alias in node.names)


@pytest.mark.parametrize("layer", sorted(MAY_IMPORT))
def test_a_layer_imports_only_the_layers_below_it(layer: str) -> None:
    offenders = [
        f"{path.relative_to(ROOT)} imports {'.'.join(module)}"
        for path in sources(layer)
        for module in imported(path)
        if module[0] == "touchline"
        and (module[1] if len(module) > 1 else "") not in MAY_IMPORT[layer]
    ]

    assert offenders == []


@pytest.mark.parametrize("layer", sorted(OUTSIDE_LIBRARIES))
def test_domain_match_server_and_protocol_need_next_to_nothing_from_outside(layer: str) -> None:
    import sys

    offenders = [
        f"{path.relative_to(ROOT)} imports {'.'.join(module)}"
        for path in sources(layer)
        for module in imported(path)
        if module[0] not in sys.stdlib_module_names | {"touchline"} | OUTSIDE_LIBRARIES[layer]
    ]

    assert offenders == []


def test_http_knows_actors_by_their_addresses_and_messages_only() -> None:
    offenders = [
        f"{path.relative_to(ROOT)} imports {'.'.join(module)}"
        for path in sources("http")
        for module in imported(path)
        if module[:2] == ("touchline", "actors") and not ACTOR_FACES & set(module)
    ]

    assert offenders == []


def test_the_packages_listed_in_setup_cfg_are_the_ones_in_the_tree() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    listed = set(config["options"]["packages"].split())
    found = {".".join(("touchline", *path.parent.relative_to(ROOT).parts)) for path in sources()}

    assert listed == found


def test_http_has_no_init_file_that_would_hide_the_standard_library() -> None:
    assert not (ROOT / "http" / "__init__.py").exists()


def test_only_the_config_module_reads_the_environment() -> None:
    readers = {
        str(path.relative_to(ROOT))
        for path in sources()
        if "environ" in path.read_text(encoding="utf-8").replace("environ[", "wsgi[")
        and any(m[0] == "os" for m in imported(path))
        and "os.environ" in path.read_text(encoding="utf-8")
    }

    assert readers <= {"__main__.py"}


def test_gevent_is_patched_in_exactly_one_place() -> None:
    patchers = [
        str(path.relative_to(ROOT))
        for path in sources()
        if "monkey.patch_all(" in path.read_text(encoding="utf-8")
    ]

    assert patchers == ["__main__.py"]


def test_no_file_and_no_function_outgrows_the_screen() -> None:
    offenders = []
    for path in sources():
        text = path.read_text(encoding="utf-8")
        if text.count("\n") > 300:
            offenders.append(f"{path.relative_to(ROOT)}: {text.count(chr(10))} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and node.end_lineno is not None:
                size = node.end_lineno - node.body[0].lineno + 1
                if size > 40:
                    offenders.append(f"{path.relative_to(ROOT)}: {node.name} has {size} lines")

    assert offenders == []


def test_every_module_says_what_it_is() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in sources()
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]

    assert silent == []


def test_every_lua_command_names_its_keys_and_fits_a_screen() -> None:
    scripts = sorted((ROOT / "lua").glob("*.lua"))
    offenders = [
        script.name
        for script in scripts
        if "KEYS" not in script.read_text().split("\n\n")[0] or script.read_text().count("\n") > 80
    ]

    assert scripts
    assert offenders == []


def test_nothing_generated_is_kept_in_the_repository() -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()

    assert not [f for f in listed if f.endswith((".pyc", ".egg-info", ".log", ".rdb", ".aof"))]
