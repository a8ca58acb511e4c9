"""Ports that are held: for their listeners, and for nobody else."""

from __future__ import annotations

import socket

import pytest
from touchline.services.data_dir import UpRefused
from touchline.services.ports import held_port

HOST = "127.0.0.1"


def test_a_held_port_is_its_listeners_and_nobody_elses() -> None:
    with held_port(HOST, 0) as port:
        for _ in range(2):  # the second is the first one's successor
            with socket.create_server((HOST, port)):
                pass
            with socket.socket() as other, pytest.raises(OSError):
                other.bind((HOST, port))  # as the kernel does for a connection

    with socket.socket() as other:
        other.bind((HOST, port))


def test_a_port_that_somebody_listens_at_is_refused() -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UpRefused, match=f"port {port} on {HOST}: .+"), held_port(HOST, port):
            pass
