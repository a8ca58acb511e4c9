"""Finds in what a server program said the one line that tells a person why it gave up."""

import re

#: PostgreSQL, initdb, our launcher; and "#", with which Valkey marks what matters.
_COMPLAINT = re.compile(r"\b(PANIC|FATAL|ERROR|error|cannot run)\b|\d # ")
#: Said to everybody who asks too early or too late; and Valkey's advice to the machine's owner.
_NOISE = re.compile(r"the database system is |# WARNING ")
#: Time and process id.
_PREFIX = re.compile(r"^(\d{4}-\S+ \S+ UTC \[\d+\] |\d+:\w .*?\d [#*.-] )")


def complaint(said: str) -> str:
    """The first line of *said* that complains; if none does the last one, or that it is silent."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    if not lines:
        return "it said nothing"
    complaints = [line for line in lines if _COMPLAINT.search(line) and not _NOISE.search(line)]
    return _PREFIX.sub("", complaints[0] if complaints else lines[-1])
