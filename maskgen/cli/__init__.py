"""The command line: `app` is the entry, every other module a command or what commands share."""
