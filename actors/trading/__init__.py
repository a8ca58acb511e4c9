"""Duties on the path of a trade: batch into Redis, write to Postgres, answer."""
