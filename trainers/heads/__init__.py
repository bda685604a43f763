"""Linear classifiers on frozen features: trained, kept, judged."""
