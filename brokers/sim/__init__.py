"""The simulated exchange and the synthetic market."""
