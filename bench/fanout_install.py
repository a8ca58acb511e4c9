"""Puts the peers of bench/fanout.py into a directory outside this tree, each by its own installer.

What is there is not installed again. What cannot be installed is skipped with a message.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "touchline-bench"
NODE_PACKAGES = {
    "uws": "@trufflesuite/uws-js-unofficial@20.30.0-unofficial.0",
    "ws": "ws@8.23.0",
}
PYTHON_PACKAGES = {"picows": "picows==2.3.1", "matplotlib": "matplotlib==3.10.7"}
DEBIAN_PACKAGES = ("nginx", "libnginx-mod-nchan")
INSTALL_S = 120.0


@dataclass(frozen=True, slots=True)
class Installed:
    """Where the peers are, which of them, and what their processes need to know."""

    names: frozenset[str]
    nginx: Path
    nchan: Path
    environment: dict[str, str]


def install(wanted: set[str]) -> Installed:
    """Install what is *wanted* and not there."""
    CACHE.mkdir(parents=True, exist_ok=True)
    # What our own environment has anyway is there: websockets, gevent-websocket.
    found = {name for name in wanted if name not in _STEPS or _had(name, _STEPS[name])}
    return Installed(
        frozenset(found),
        CACHE / "debian/usr/sbin/nginx",
        CACHE / "debian/usr/lib/nginx/modules/ngx_nchan_module.so",
        {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "NODE_PATH": str(CACHE / "node_modules"),
            "PYTHONPATH": str(CACHE / "python"),
        },
    )


def _had(name: str, step: Step) -> bool:
    if step.there.exists():
        return True
    try:
        step.install(name)
    except (OSError, subprocess.SubprocessError) as why:
        said = getattr(why, "stderr", None) or str(why)
        print(f"skipped: {name} cannot be installed here: {str(said).strip()[-300:]}", flush=True)
        return False
    return step.there.exists()


def _node(name: str) -> None:
    _run("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", NODE_PACKAGES[name])


def _python(name: str) -> None:
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--target", str(CACHE / "python"))
    _run(*pip, PYTHON_PACKAGES[name])


def _debian(_name: str) -> None:
    """Unpack the packages rather than install them: nobody wants a web server to start."""
    downloads = CACHE / "downloads"
    downloads.mkdir(exist_ok=True)
    _run("apt-get", "download", *DEBIAN_PACKAGES, directory=downloads)
    # A directory of the package, which nchan asks for whatever the configuration says.
    Path("/var/lib/nginx").mkdir(exist_ok=True)
    for package in downloads.glob("*.deb"):
        _run("dpkg-deb", "-x", str(package), str(CACHE / "debian"))


def _run(*command: str, directory: Path = CACHE) -> None:
    if shutil.which(command[0]) is None:
        raise FileNotFoundError(f"there is no {command[0]}")
    subprocess.run(
        command, cwd=directory, check=True, capture_output=True, text=True, timeout=INSTALL_S
    )


@dataclass(frozen=True, slots=True)
class Step:
    """How a peer is installed, and what is *there* afterwards."""

    there: Path
    install: Callable[[str], None]


_MODULES = CACHE / "node_modules"
_STEPS = {
    "uws": Step(_MODULES / "@trufflesuite/uws-js-unofficial", _node),
    "ws": Step(_MODULES / "ws", _node),
    "picows": Step(CACHE / "python/picows", _python),
    "matplotlib": Step(CACHE / "python/matplotlib", _python),
    "nchan": Step(CACHE / "debian/usr/sbin/nginx", _debian),
}
