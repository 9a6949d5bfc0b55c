"""The whole market in one array, and the loop that runs it until something needs a decision."""
