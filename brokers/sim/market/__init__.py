"""The parts of the synthetic market: its numbers, symbols, days, minutes, prints, and the dirt that a feed can have."""
