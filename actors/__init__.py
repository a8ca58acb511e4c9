"""Supervision on pykka and gevent, and the duties that run under it."""
