"""The training-free methods and what they share."""
