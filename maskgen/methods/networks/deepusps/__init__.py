"""DeepUSPS (Nguyen et al., NeurIPS 2019)."""
