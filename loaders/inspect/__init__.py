"""Batches looked at: as pictures, and by the clock."""
