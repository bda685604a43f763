"""U²-Net and U²-Net-p (Qin et al., 2020)."""
