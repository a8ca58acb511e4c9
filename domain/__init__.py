"""The rules of the exchange: pure functions and frozen values, standard library only."""
