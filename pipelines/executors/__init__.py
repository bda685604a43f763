"""Where the shards are made: `local` runs worker processes on this machine."""
