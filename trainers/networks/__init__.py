"""Encoders, heads, momentum copies."""
