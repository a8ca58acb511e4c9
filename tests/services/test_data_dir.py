"""What `touchline up` keeps beside the servers is written whole, or refused in one line."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from touchline.services.data_dir import UpRefused, private_key


def test_a_key_is_made_once_and_is_for_its_owner_alone(tmp_path: Path) -> None:
    made = private_key(tmp_path)

    assert private_key(tmp_path) == made
    [path] = tmp_path.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_key_that_cannot_be_written_is_a_refusal(tmp_path: Path) -> None:
    (tmp_path / "jwt_private_key.new").mkdir()

    with pytest.raises(UpRefused, match=f"{tmp_path} cannot be used: Is a directory"):
        private_key(tmp_path)
