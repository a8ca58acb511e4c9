"""Valkey and PostgreSQL as children of this process, for machines that have neither."""

from .datadir import EmbeddedError as EmbeddedError
from .manager import Addresses as Addresses
from .manager import Embedded as Embedded
from .manager import reachable as reachable
