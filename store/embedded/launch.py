"""Becomes a server process: a script between our fork and the server's exec.

Run by path, with the standard library only, in a fresh interpreter, because
what it does is not safe between fork and exec of a process with threads.

    python -I -S launch.py PARENT_PID DEATH_SIGNAL ACCOUNT DIRECTORY PROGRAM [ARGUMENT ...]

PROGRAM then runs in DIRECTORY, in a session of its own, with default signal
handling, under ACCOUNT (see accounts.py), and gets DEATH_SIGNAL as soon as
PARENT_PID is gone, however it went.
"""

import ctypes
import os
import pwd
import signal
import sys
from contextlib import suppress

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_SET_SECUREBITS = 28
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
SECBIT_NO_SETUID_FIXUP = 1 << 2
SECBIT_KEEP_CAPS = 1 << 4
CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION_3 = 0x20080522
CLONE_NEWUSER = 0x10000000

_libc = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    """Do as the module says; on failure print one line and exit with 1."""
    parent, death_signal, account, directory = sys.argv[1:5]
    try:
        os.setsid()  # a terminal's Ctrl-C is for our parent, who stops us in order
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        _ACCOUNTS[account]()
        # After the change of account, which clears it.
        _libc_call("prctl", PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != int(parent):
            sys.exit(1)  # the parent went before the kernel knew that we care
        os.chdir(directory)
        os.execv(sys.argv[5], sys.argv[5:])  # noqa: S606 - no shell is the point
    except OSError as error:
        sys.exit(f"cannot run {sys.argv[5]} in {directory} as {account}: {error}")


def _stay() -> None:
    """Account "self": the user who started us."""


def _enter_namespace() -> None:
    """Account "namespace": root's files, but `nobody` to itself, in a user namespace."""
    nobody = pwd.getpwnam("nobody")
    uid, gid = os.geteuid(), os.getegid()
    _libc_call("unshare", CLONE_NEWUSER)
    # The kernel lets a process map groups only after it gave up setgroups.
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{nobody.pw_uid} {uid} 1"),
        ("gid_map", f"{nobody.pw_gid} {gid} 1"),
    ):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)


def _become_nobody() -> None:
    """Account "nobody": that user, who may still pass every directory if root could.

    A checkout or data directory below /root is closed to nobody, so it keeps
    the one capability for that across setuid and exec. Where a container has
    taken that from root, the directories have to be open.
    """
    nobody = pwd.getpwnam("nobody")
    _libc_call("prctl", PR_SET_KEEPCAPS, 1, 0, 0, 0)
    with suppress(OSError):
        # Else the kernel ignores capabilities inside access(), with which
        # PostgreSQL looks for its own binary.
        _libc_call("prctl", PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP | SECBIT_KEEP_CAPS, 0, 0, 0)
    os.setgroups([])
    os.setresgid(nobody.pw_gid, nobody.pw_gid, nobody.pw_gid)
    os.setresuid(nobody.pw_uid, nobody.pw_uid, nobody.pw_uid)
    keep = 1 << CAP_DAC_OVERRIDE
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    with suppress(OSError):
        # Effective, permitted, inheritable; first the lower, then the upper 32 capabilities.
        _libc_call("capset", header, (ctypes.c_uint32 * 6)(keep, keep, keep, 0, 0, 0))
        _libc_call("prctl", PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)


_ACCOUNTS = {"self": _stay, "namespace": _enter_namespace, "nobody": _become_nobody}


def _libc_call(name: str, *arguments: object) -> None:
    if getattr(_libc, name)(*arguments) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")


if __name__ == "__main__":
    main()
