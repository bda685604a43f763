"""Masks against truth: pairs, measures, one summary."""
