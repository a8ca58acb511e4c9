"""Redis, Postgres and HTTP sources behind typed methods that return domain values."""
