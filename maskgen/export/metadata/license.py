"""The licenses of the Hugging Face Hub: it refuses a card that names another one.

https://huggingface.co/docs/hub/repositories-licenses
"""

from __future__ import annotations

from maskgen.config.suggest import closest
from maskgen.errors import UsageError

OTHER = "other"
"""Of a license that is not among them; the card then has its name too."""
LICENSES = (
    *("apache-2.0", "mit", "openrail", "bigscience-openrail-m", "creativeml-openrail-m"),
    *("bigscience-bloom-rail-1.0", "bigcode-openrail-m", "afl-3.0", "artistic-2.0", "bsl-1.0", "bsd"),
    *("bsd-2-clause", "bsd-3-clause", "bsd-3-clause-clear", "c-uda", "cc", "cc0-1.0", "cc-by-2.0"),
    *("cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "cc-by-nc-2.0", "cc-by-nc-3.0"),
    *("cc-by-nc-4.0", "cc-by-nd-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0", "cc-by-nc-sa-2.0"),
    *("cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "cdla-sharing-1.0", "cdla-permissive-1.0", "cdla-permissive-2.0"),
    *("wtfpl", "ecl-2.0", "epl-1.0", "epl-2.0", "etalab-2.0", "eupl-1.1", "eupl-1.2", "agpl-3.0", "gfdl"),
    *("gpl", "gpl-2.0", "gpl-3.0", "lgpl", "lgpl-2.1", "lgpl-3.0", "isc", "h-research", "intel-research"),
    *("lppl-1.3c", "ms-pl", "apple-ascl", "apple-amlr", "mpl-2.0", "odc-by", "odbl", "openmdw-1.0"),
    *("openmdw-1.1", "openrail++", "osl-3.0", "postgresql", "ofl-1.1", "ncsa", "unlicense", "zlib", "pddl"),
    *("lgpl-lr", "deepfloyd-if-license", "fair-noncommercial-research-license", "llama2", "llama3"),
    *("llama3.1", "llama3.2", "llama3.3", "llama4", "grok2-community", "gemma", "unknown", OTHER),
)
"""What the Hub took in July 2026."""


def check_license(license_id: str, name: str) -> None:
    """Refuse what the Hub would not take, or not understand.

    Args:
        license_id: of the data set; empty where nobody said.
        name: of the license, where it is `OTHER`.

    Raises:
        UsageError: the Hub has no such license, or a name is missing or too many.

    Example:
        >>> from maskgen.export.metadata.license import check_license
        >>> check_license("cc-by-4.0", "")
        >>> check_license("other", "my-license-1.0")
    """
    if license_id and license_id not in LICENSES:
        near = closest(license_id, LICENSES)
        raise UsageError(
            f"the Hub knows no license {license_id!r}, and refuses a card with it",
            remedy="take one of https://huggingface.co/docs/hub/repositories-licenses",
            arguments=[("license", one) for one in (near, OTHER) if one],
        )
    if license_id == OTHER and not name:
        raise UsageError(
            "a license that the Hub does not know needs a name",
            arguments=[("license_name", "<its name, such as my-license-1.0>")],
        )
    if name and license_id != OTHER:
        raise UsageError(
            "a license that the Hub knows has its name already",
            where=name,
            arguments=[("license", OTHER), ("license_name", None)],
        )
