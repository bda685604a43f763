"""What is said of an export: its `card`, its `croissant` metadata, the masks' `provenance`."""
