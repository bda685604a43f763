"""The network of a run in a process of its own, one per device."""
