"""The active strategy watchlist: the few symbols that strategies may work, and why each is on it."""
