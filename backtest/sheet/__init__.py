"""The tear sheet: one self-contained HTML page about a run."""
