"""DeepUSPS: a saliency network from unlabelled photos (Nguyen et al., NeurIPS 2019; RELICv2, appendix B.2).

Photos -> priors -> per prior, rounds of pseudo-label training -> fusion -> a checkpoint for
`--method deepusps`.
"""
