"""The terminal workstation: a replica of the engine, drawn from what crosses the wire."""
