"""The configuration of a run: its options, their checks, its fingerprint."""
