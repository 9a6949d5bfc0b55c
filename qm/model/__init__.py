"""Values of the trading day; nothing in here does I/O."""
