"""The market's past: catalogue, import, day cache, recordings and what is known before a session."""
