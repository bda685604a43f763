"""A run between its first and last step: the step, checkpoints, log, export."""
