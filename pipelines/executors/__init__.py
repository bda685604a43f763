"""Where the shards are made: `local` by processes on this machine, `cluster` by those of many, through Ray.

Both are one `executor.Executor` over a team: a `local.Crew`, or `cluster.Nodes`, each of which runs a crew.
"""
