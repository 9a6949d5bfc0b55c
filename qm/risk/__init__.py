"""What may be traded, how much of it, and when to stop: sizing and the last gate before every order."""
