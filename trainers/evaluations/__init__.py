"""The papers' evaluations beyond nearest neighbors and a linear classifier, a folder each."""
