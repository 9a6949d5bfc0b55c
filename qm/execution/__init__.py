"""Orders: the book of record, and the order of steps in which a position is left."""
