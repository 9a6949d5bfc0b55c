"""Requests to vendors over HTTP: paced, retried within bounds, and with errors a person can act on."""
