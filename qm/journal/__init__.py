"""The trade journal: trades built from executions, and the explanation of each."""
