"""Duties that bring the outside world in: the football feed."""
