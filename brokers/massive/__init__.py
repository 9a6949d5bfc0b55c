"""Massive (once Polygon): market history as flat files."""
