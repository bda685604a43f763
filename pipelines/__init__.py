"""Stage one, offline: source -> plan -> worker -> committed shards."""
