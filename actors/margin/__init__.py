"""Duties that guard leveraged positions on every tick."""
