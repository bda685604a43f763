"""Processes and signals: how workers start, are watched, and end."""
