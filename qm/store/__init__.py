"""The journal, which is the truth, and the tables projected from it."""
