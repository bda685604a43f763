"""Where the files come from: local folders, object stores, a cache."""
