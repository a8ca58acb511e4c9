"""Touchline: the backend of a live football exchange."""
