"""A service as it is, and beside it a door through which a test kills one of its actors.

    python -m tests.faults.service SOCKET api-server

Everything is real: the command line, the settings, the tree. The door listens on the Unix
socket SOCKET. For a child's name it throws GreenletExit into that child, the death that no
code of ours foresees; for a number it moves the calendar on by so many milliseconds, for what
takes minutes. The process dies with the test that started it.
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
from touchline.domain import clock

PR_SET_PDEATHSIG = 1


class MovedCalendar:
    """The system's calendar, as far ahead as it was moved."""

    def __init__(self) -> None:
        self._system, self._ahead_ms = clock.system_calendar, 0

    def __call__(self) -> int:
        return self._system() + self._ahead_ms

    def move_on(self, by_ms: int) -> None:
        self._ahead_ms += by_ms


calendar = MovedCalendar()
# Before the services are imported, which take it by its name.
clock.system_calendar = calendar  # type: ignore[assignment]  # a callable like any other

from touchline.__main__ import main


def run(door: str, *arguments: str) -> None:
    """Run `touchline ARGUMENTS`, with the door at path *door*; ends as the service does."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(door)
    listener.listen()
    StreamServer(listener, _answer).start()
    main(arguments)


def _answer(caller: Any, _address: object) -> None:
    said = caller.recv(200).decode()
    if said.isdecimal():
        calendar.move_on(int(said))
        caller.sendall(b"moved")
    else:
        caller.sendall(b"killed" if _kill(said) else b"unknown")


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
