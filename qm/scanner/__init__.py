"""Scans: conditions that compose and say why, and the life of the opportunities they find."""
