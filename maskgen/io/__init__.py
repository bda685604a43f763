"""Effects at the edges: atomic files, bounded decode, encode."""
