"""What is said of an export: its `card`, its `croissant` metadata, its `license`, the masks' `provenance`."""
