"""Batches of views through DALI."""
