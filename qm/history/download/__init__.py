"""Market history from vendors into the catalogue: what is missing, resumed where it stopped."""
