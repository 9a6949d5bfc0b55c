"""Alpaca: market history over REST."""
