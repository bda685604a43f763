"""Image files: what they say about themselves, bounded decoding, deterministic encoding."""
