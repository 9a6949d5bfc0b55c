"""The asyncio shell around the engine: the daemon, its feed, its gateway, its recorder and its health."""
