"""The engine: one synchronous step that turns inputs into events and effects."""
