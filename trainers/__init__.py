"""Stage two: the self-supervised trainers. Their command line is here; no method has landed yet."""
