"""A football match server that speaks the Sportmonks v3 protocol over real HTTP."""
