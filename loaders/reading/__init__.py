"""Samples read by number: encoded pictures, masks, and what the draws need."""
