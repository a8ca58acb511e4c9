"""The package is the repository root, and still nothing hides the standard library's http."""

from __future__ import annotations

import http
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STDLIB = Path(sysconfig.get_paths()["stdlib"])


def run(*command: str, cwd: Path = ROOT) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    # A copy of what git tracks: build/ and egg-info never appear in the checkout.
    tree = tmp_path_factory.mktemp("tree")
    files = run("git", "ls-files", "--cached", "--others", "--exclude-standard").split()
    for name in files:
        if (ROOT / name).is_file() and not name.startswith((".typing", "tests/")):
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_bytes((ROOT / name).read_bytes())
    (tree / "migrations" / "9999-of-the-test.sql").write_text("-- additive")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(tree))
    return next(out.glob("*.whl"))


def test_this_pytest_run_sees_the_standard_http() -> None:
    assert http.__file__ == str(STDLIB / "http" / "__init__.py")


def test_a_command_started_at_the_root_sees_the_standard_http() -> None:
    seen = run(sys.executable, "-c", "import http; print(http.__file__)").strip()

    assert seen == str(STDLIB / "http" / "__init__.py")


@pytest.mark.parametrize(
    "launcher",
    [
        pytest.param([sys.executable, "-m", "pytest"], id="python -m pytest"),
        pytest.param([str(Path(sys.executable).with_name("pytest"))], id="pytest"),
    ],
)
def test_pytest_however_it_is_started_sees_the_standard_http(launcher: list[str]) -> None:
    claim = test_this_pytest_run_sees_the_standard_http.__name__
    one = f"{Path(__file__).relative_to(ROOT)}::{claim}"

    assert "1 passed" in run(*launcher, "-p", "no:cacheprovider", one)


def test_our_http_is_importable_beside_it() -> None:
    import touchline.http.problems

    assert Path(touchline.http.problems.__file__) == ROOT / "http" / "problems.py"


def test_the_wheel_holds_the_package_and_its_data_and_nothing_else(wheel: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}

    assert {name.split("/")[0] for name in names} == {"touchline"}
    assert {
        "touchline/lua/trade_execute.lua",
        "touchline/schema.sql",
        "touchline/migrations/9999-of-the-test.sql",
        "touchline/py.typed",
        "touchline/web/index.html",
        "touchline/http/api.py",
    } <= names
    assert not [name for name in names if "/tests/" in name or "/bench/" in name]


def test_the_wheel_boots_in_a_clean_environment(wheel: Path, tmp_path: Path) -> None:
    clean = tmp_path / "venv"
    venv.create(clean, with_pip=False)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(clean), "platbase": str(clean)}))
    zipfile.ZipFile(wheel).extractall(site)
    # The dependencies of this environment, without its editable install: a path
    # added by a .pth file does not run the .pth files it holds.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    python = str(clean / "bin" / "python")

    shown = run(python, "-m", "touchline", "--help", cwd=tmp_path)
    where = run(python, "-c", "import touchline; print(touchline.__file__)", cwd=tmp_path)

    assert all(f"  {command} " in shown for command in ("up", "api-server", "ws-server", "flusher"))
    assert where.startswith(str(site))
