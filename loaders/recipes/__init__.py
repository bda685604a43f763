"""What the views of an image are: the parts of a recipe, and the published ones."""
