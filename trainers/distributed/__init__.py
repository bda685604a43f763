"""Ranks: how they are joined, and what they do together."""
