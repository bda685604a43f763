"""The methods' losses: pure functions of tensors, each beside its paper's equation.

All compute in float32, also under autocast: at a temperature of 0.1 the three digits of bfloat16 move a logit
by 0.04. Embeddings are expected to be L2-normalized where a function says so.
"""

from .alignment import byol_loss, msr_beta, msr_loss, negative_cosine
from .attention import attention_loss, grad_cam, rectify, stretch
from .contrastive import cross_entropy_at_zero, info_nce, info_nce_logits, nt_xent_one_way
from .neighbors import knn_loss, nearest_in_queue
from .relicv2 import divergence, draw_members, log_likelihoods
from .swav import sinkhorn, swav_loss

__all__ = [
    "attention_loss",
    "byol_loss",
    "cross_entropy_at_zero",
    "divergence",
    "draw_members",
    "grad_cam",
    "info_nce",
    "info_nce_logits",
    "knn_loss",
    "log_likelihoods",
    "msr_beta",
    "msr_loss",
    "nearest_in_queue",
    "negative_cosine",
    "nt_xent_one_way",
    "rectify",
    "sinkhorn",
    "stretch",
    "swav_loss",
]
