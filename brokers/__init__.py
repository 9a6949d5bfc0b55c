"""Adapters between the ports of the engine and the venues that fill orders, or the vendors that have history."""
