"""CRC-32C (Castagnoli): it finds every burst of up to 32 bits, and all else but one change in 4 billion.

By Google's library, 15 to 20 GB/s: a checksum at every read must not be felt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import google_crc32c

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def crc32c(data: bytes | NDArray[np.uint8]) -> int:
    """The checksum of bytes, or of a contiguous array, which is not copied; in [0, 2**32).

    Source: RFC 3720, appendix B.4.

    Example:
        >>> from maskgen.io.checksum import crc32c
        >>> hex(crc32c(b"123456789"))
        '0xe3069283'
    """
    return int(google_crc32c.value(data))
