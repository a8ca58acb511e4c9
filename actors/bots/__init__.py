"""The duty that trades for the house's own bots."""
