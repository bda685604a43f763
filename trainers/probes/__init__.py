"""Frozen features judged by labels: kNN and linear classifiers."""
