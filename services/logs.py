"""Logging: one JSON object a line in production, coloured text in a terminal; to stderr.

What the standard library's loggers, its warnings, gevent and the interpreter
itself have to say goes the same way, so that every line can be parsed and none
holds a secret.

Source: docs/operations.md, "Logs".
"""

from __future__ import annotations

import logging
import sys
import threading
from contextlib import suppress
from types import TracebackType
from typing import Any

import gevent
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from .scrub import scrub

MAIN = "main"  #: the `child` of what no child and no listener says
_log = structlog.get_logger(__name__)


class _Origin:
    """Puts on every line whose it is; what the line says of itself stays."""

    def __init__(self) -> None:
        self.service = ""
        self.replica = ""

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event.setdefault("service", self.service)
        event.setdefault("replica", self.replica)
        event.setdefault("child", MAIN)
        return event


#: One a process, as structlog's own configuration is: greenlets begin without a context, so
#: what holds for all of them cannot be bound.
_ORIGIN = _Origin()


def name_process(service: str, replica: str = "") -> None:
    """Say on every line from now on whose it is."""
    _ORIGIN.service = service
    _ORIGIN.replica = replica


def configure_logs(*, terminal: bool | None = None) -> None:
    """Send everything that is said through one renderer.

    Args:
        terminal: whether a person reads along; by default, if stderr is a terminal.
    """
    if terminal is None:
        terminal = sys.stderr.isatty()
    structlog.configure(
        processors=[*_PREPARED, *_rendered(terminal)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(_Stderr()),  # type: ignore[arg-type]  # enough of a file
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *_PREPARED],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_rendered(terminal),
            ],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.captureWarnings(True)
    _catch_the_rest()


class _Stderr:
    """Loses what cannot be written: a disk that is full, or a reader that went away.

    Else every line would raise where it is said, in a supervisor too, and a log that is lost
    would end the service. What the standard library logs it guards by itself.
    """

    def write(self, text: str) -> None:
        with suppress(OSError):
            sys.stderr.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            sys.stderr.flush()


def hide_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Take out what must never be written down, in whatever field and however deep."""
    scrubbed: Any = scrub(event)
    return scrubbed  # type: ignore[no-any-return]  # a mapping stays one


_PREPARED: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    _ORIGIN,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


def _rendered(terminal: bool) -> tuple[Processor, ...]:
    renderer: Processor = structlog.processors.JSONRenderer()
    if terminal:
        plain = structlog.dev.plain_traceback
        renderer = structlog.dev.ConsoleRenderer(exception_formatter=plain)
    # The traceback becomes text before secrets are looked for.
    return structlog.processors.format_exc_info, hide_secrets, renderer


def _catch_the_rest() -> None:
    """Log what would be printed: by the interpreter, by threads, by gevent's hub."""
    sys.excepthook = _uncaught
    sys.unraisablehook = lambda said: _log.error(
        "exception ignored", where=_place(said.object), exc_info=said.exc_value
    )
    threading.excepthook = lambda said: _log.error(
        "thread failed", thread=said.thread and said.thread.name, exc_info=said.exc_value
    )
    # Set on the instance, which is how gevent means it to be overridden.
    gevent.get_hub().print_exception = _greenlet_failed


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return  # the operator knows
    _log.critical("uncaught exception", exc_info=(kind, error, trace))


def _greenlet_failed(context: object, kind: Any, error: Any, trace: Any) -> None:
    # Only the kind of thing: a greenlet's repr has its arguments, a request's its headers.
    _log.error("greenlet failed", where=_place(context), exc_info=(kind, error, trace))


def _place(thing: object) -> str:
    return getattr(thing, "__qualname__", None) or type(thing).__qualname__
