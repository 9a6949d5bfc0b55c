"""Strategies: their contract, the desk that knows who works which symbol, and one file per strategy."""
