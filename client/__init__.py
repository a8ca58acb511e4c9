"""A client of the exchange's live stream: it reconnects, resumes, and tells what it has missed.

Needs the extra `client` (`pip install touchline[client]`).
"""

from .events import Changed, Connected, Disconnected, Event, Missed, Shown, Unavailable
from .follower import Mistaken
from .stream import Patience, Stream
from .tickets import HttpTickets, NoTicket, Ticket

__all__ = [
    "Changed",
    "Connected",
    "Disconnected",
    "Event",
    "HttpTickets",
    "Missed",
    "Mistaken",
    "NoTicket",
    "Patience",
    "Shown",
    "Stream",
    "Ticket",
    "Unavailable",
]
