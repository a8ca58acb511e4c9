"""Composition roots: each service is a list of children."""
