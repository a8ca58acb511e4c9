"""A service as it is, and beside it a door through which a test kills one of its actors.

    python -m tests.faults.service SOCKET api-server

Everything is real: the command line, the settings, the tree. The door listens on the Unix
socket SOCKET for a child's name and throws GreenletExit into that child, the death that no
code of ours foresees. The process dies with the test that started it.
"""

# ruff: noqa: E402 - patching comes first

from gevent import monkey

monkey.patch_all()

import ctypes
import signal
import socket
import sys
from typing import Any

from gevent.server import StreamServer
from pykka import ActorRegistry
from touchline.__main__ import main

PR_SET_PDEATHSIG = 1


def run(door: str, *arguments: str) -> None:
    """Run `touchline ARGUMENTS`, with the door at path *door*; ends as the service does."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(door)
    listener.listen()
    StreamServer(listener, _answer).start()
    main(arguments)


def _answer(caller: Any, _address: object) -> None:
    name = caller.recv(200).decode()
    caller.sendall(b"killed" if _kill(name) else b"unknown")


def _kill(name: str) -> bool:
    """Kill the actor of child *name*; whether there is one."""
    for ref in ActorRegistry.get_all():
        actor = ref._actor_weakref()
        if actor is not None and actor.name == name:
            actor.greenlet.kill(block=False)
            return True
    return False


if __name__ == "__main__":
    run(*sys.argv[1:])
