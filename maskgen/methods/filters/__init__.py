"""Filters of maps that follow the photo."""
