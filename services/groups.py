"""Groups of duties: what is given up on together, and nothing else.

A duty that crashes over and over takes its group down, which its service starts
anew with everything in it; only if that does not help either does the service
end (exit code 70), and whatever runs the container starts it again. The figures
fit together: a duty that crashes at once every time has used up its group six
times, which is more than the root forgives, within 10 s.

Source: docs/operations.md, "Health".
"""

from __future__ import annotations

from dataclasses import replace

from ..actors.backoff import Intensity
from ..actors.child import Child
from ..actors.supervisor import Supervisor

#: Of each duty in a group by itself: eight shards that meet the same bug once each are no reason
#: to send all clients away.
DUTY = Intensity(crashes=2, seconds=10.0)


def group(name: str, *duties: Child) -> Child:
    """A child that is a supervisor of *duties*; one that crashes does not touch the others."""
    listed = tuple(replace(duty, intensity=duty.intensity or DUTY) for duty in duties)
    return Child(name, lambda: Supervisor(listed))
