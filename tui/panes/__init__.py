"""One file per pane: which columns it has, and which rows of the replica it shows."""
