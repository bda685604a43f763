"""Batches of views through torch alone."""
