"""Superpixels: the segmentation, its graph, and what the priors read from both."""
