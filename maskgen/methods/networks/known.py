"""Networks whose weights are fetched by name: where they lie, what they must be, under which terms.

The SHA-256 decides what is used. `KnownNetwork.published` is the hash that the publisher's own code asks for:
rembg's sessions have an MD5 of each file of its release, ImageToolbox and Hugging Face a SHA-256. The SHA-256
of a file with an MD5 is what many projects that pin the same file agree on; such a file is checked by both.
The hash of `inspyrenet` has one source only: the project that hosts the file.
"""

from __future__ import annotations

from dataclasses import dataclass

REMBG = "https://github.com/danielgatis/rembg/releases/download/v0.0.0"
TOOLBOX = "https://github.com/T8RIN/ImageToolboxRemoteResources/raw/refs/heads/main/onnx/bgremove"
RMBG_14 = "https://huggingface.co/briaai/RMBG-1.4/resolve/2ceba5a5efaec153162aedea169f76caf9b46cf8"

U2NET_TERMS = "https://github.com/xuebinqin/U-2-Net/blob/master/LICENSE"
BIREFNET_TERMS = "https://github.com/ZhengPeng7/BiRefNet/blob/main/LICENSE"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownNetwork:
    """A published ONNX file.

    Args:
        summary: one line for `--help` and the docs.
        network: its declaration, a name of `maskgen.methods.networks.onnx.declaration.KNOWN`.
        address: of the file.
        size: bytes.
        sha256: of the file.
        published: the publisher's own hash, ``md5:...`` or ``sha256:...``.
        license: of the weights.
        terms: where the license is.
        non_commercial: whether it forbids commercial use.
        file: its name in the folder of weights; the address's own where that is empty.
    """

    summary: str
    network: str
    address: str
    size: int
    sha256: str
    published: str
    license: str
    terms: str
    non_commercial: bool = False
    file: str = ""

    @property
    def file_name(self) -> str:
        """Under which name the file lies in the folder of weights."""
        return self.file or self.address.rpartition("/")[2]


KNOWN_NETWORKS: dict[str, KnownNetwork] = {
    "u2net": KnownNetwork(
        summary="U²-Net (Qin et al., 2020)",
        network="u2net",
        address=f"{REMBG}/u2net.onnx",
        size=175_997_641,
        sha256="8d10d2f3bb75ae3b6d527c77944fc5e7dcd94b29809d47a739a7a728a912b491",
        published="md5:60024c5c889badc19c04ad937298a77b",
        license="Apache-2.0",
        terms=U2NET_TERMS,
    ),
    "u2netp": KnownNetwork(
        summary="U²-Net-p, the small U²-Net",
        network="u2net",
        address=f"{REMBG}/u2netp.onnx",
        size=4_574_861,
        sha256="309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8",
        published="md5:8e83ca70e441ab06c318d82300c84806",
        license="Apache-2.0",
        terms=U2NET_TERMS,
    ),
    "u2net-human": KnownNetwork(
        summary="U²-Net for people alone",
        network="u2net",
        address=f"{REMBG}/u2net_human_seg.onnx",
        size=175_997_641,
        sha256="01eb6a29a5c4d8edb30b56adad9bb3a2a0535338e480724a213e0acfd2d1c73c",
        published="md5:c09ddc2e0104f800e3e1bb4652583d1f",
        license="Apache-2.0",
        terms=U2NET_TERMS,
    ),
    "silueta": KnownNetwork(
        summary="Silueta, a U²-Net cut down to 44 MB by rembg's author",
        network="u2net",
        address=f"{REMBG}/silueta.onnx",
        size=44_173_029,
        sha256="75da6c8d2f8096ec743d071951be73b4a8bc7b3e51d9a6625d63644f90ffeedb",
        published="md5:55e59e0d8062d2f5d013f4725ee84782",
        license="not stated by its author; U²-Net's is Apache-2.0",
        terms="https://github.com/xuebinqin/U-2-Net/issues/295",
    ),
    "isnet": KnownNetwork(
        summary="IS-Net for general use (Qin et al., ECCV 2022)",
        network="isnet",
        address=f"{REMBG}/isnet-general-use.onnx",
        size=178_648_008,
        sha256="60920e99c45464f2ba57bee2ad08c919a52bbf852739e96947fbb4358c0d964a",
        published="md5:fc16ebd8b0c10d971d3513d564d01e29",
        license="Apache-2.0",
        terms="https://github.com/xuebinqin/DIS/blob/main/LICENSE.md",
    ),
    "birefnet": KnownNetwork(
        summary="BiRefNet (Zheng et al., 2024), a large network",
        network="birefnet",
        address=f"{REMBG}/BiRefNet-general-epoch_244.onnx",
        size=972_666_916,
        sha256="58f621f00f5d756097615970a88a791584600dcf7c45b18a0a6267535a1ebd3c",
        published="md5:7a35a0141cbbc80de11d9c9a28f52697",
        license="MIT",
        terms=BIREFNET_TERMS,
    ),
    "birefnet-lite": KnownNetwork(
        summary="BiRefNet with a small Swin transformer",
        network="birefnet",
        address=f"{REMBG}/BiRefNet-general-bb_swin_v1_tiny-epoch_232.onnx",
        size=224_005_088,
        sha256="5600024376f572a557870a5eb0afb1e5961636bef4e1e22132025467d0f03333",
        published="md5:4fab47adc4ff364be1713e97b7e66334",
        license="MIT",
        terms=BIREFNET_TERMS,
    ),
    "birefnet-portrait": KnownNetwork(
        summary="BiRefNet for portraits",
        network="birefnet",
        address=f"{REMBG}/BiRefNet-portrait-epoch_150.onnx",
        size=972_666_916,
        sha256="1ba1c8ff5a7bbfadc8d8d13fb11d7be793f91f23d9d466549e37a854f6668f99",
        published="md5:c3a64a6abf20250d090cd055f12a3b67",
        license="MIT",
        terms=BIREFNET_TERMS,
    ),
    "inspyrenet": KnownNetwork(
        summary="InSPyReNet (Kim et al., ACCV 2022)",
        network="inspyrenet",
        address=f"{TOOLBOX}/inspyrenet.onnx",
        size=395_316_574,
        sha256="c108dd92b3ddfe3a2d9e9ac2b74730cc5acbb2ddc7ea863330c43f56ae832aa3",
        published="sha256:c108dd92b3ddfe3a2d9e9ac2b74730cc5acbb2ddc7ea863330c43f56ae832aa3",
        license="MIT",
        terms="https://github.com/plemeri/InSPyReNet/blob/main/LICENSE",
    ),
    "rmbg-1.4": KnownNetwork(
        summary="RMBG-1.4 by BRIA, an IS-Net; no commercial use",
        network="isnet",
        address=f"{RMBG_14}/onnx/model.onnx",
        size=176_153_355,
        sha256="8cafcf770b06757c4eaced21b1a88e57fd2b66de01b8045f35f01535ba742e0f",
        published="sha256:8cafcf770b06757c4eaced21b1a88e57fd2b66de01b8045f35f01535ba742e0f",
        license="BRIA RMBG-1.4, non-commercial",
        terms="https://huggingface.co/briaai/RMBG-1.4",
        non_commercial=True,
        file="rmbg-1.4.onnx",
    ),
    "rmbg-2.0": KnownNetwork(
        summary="RMBG-2.0 by BRIA, a BiRefNet; no commercial use",
        network="rmbg-2.0",
        address=f"{REMBG}/bria-rmbg-2.0.onnx",
        size=1_024_331_469,
        sha256="5b486f08200f513f460da46dd701db5fbb47d79b4be4b708a19444bcd4e79958",
        published="sha256:5b486f08200f513f460da46dd701db5fbb47d79b4be4b708a19444bcd4e79958",
        license="CC BY-NC 4.0",
        terms="https://huggingface.co/briaai/RMBG-2.0",
        non_commercial=True,
    ),
}
"""By the name of the method."""


def known_by_sha256(sha256: str) -> tuple[str, KnownNetwork] | None:
    """Which known network a file is, by its hash.

    Example:
        >>> from maskgen.methods.networks.known import KNOWN_NETWORKS, known_by_sha256
        >>> known_by_sha256(KNOWN_NETWORKS["silueta"].sha256)[0]
        'silueta'
    """
    return next(((name, one) for name, one in KNOWN_NETWORKS.items() if one.sha256 == sha256), None)
