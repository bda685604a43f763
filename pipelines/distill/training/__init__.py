"""The training itself: phases, views, losses, checkpoints."""
