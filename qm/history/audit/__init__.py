"""What is missing, odd or wrong in a dataset: looked at session by session."""
