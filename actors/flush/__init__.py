"""Duties that drain Redis into Postgres."""
