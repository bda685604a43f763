"""TokenCut and FOUND: heads over a self-supervised ViT that the user brings (DINO, DINOv2)."""
