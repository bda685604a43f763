"""The version of this package, which is part of every run's fingerprint."""

__version__ = "0.1.0"
