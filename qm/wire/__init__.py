"""What crosses the socket between the engine's daemon and its clients."""
