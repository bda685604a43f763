"""An ONNX model's arrays: prepared photos in its layout, its output as maps in [0, 1]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from maskgen.errors import ImageFault, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from maskgen.methods.network import NetworkInput, Run

    from .declaration import NetworkOutput

FLAT = 1e-6
"""Range of a map below which it is constant: stretching it would only amplify rounding."""
OUTSIDE = 0.01
"""How far beyond [0, 1] a map may go; half precision needs a little."""


@dataclass(frozen=True, slots=True)
class OnnxNetwork:
    """A loaded model between prepared photos and maps.

    Args:
        run: (N, 3, S, S) in, the declared output out.
        input: how photos were prepared.
        output: what is to be done to the output.
        dtype: of the model's input.
        batch: images per call; 0 for as many as there are.
    """

    run: Run
    input: NetworkInput
    output: NetworkOutput
    dtype: np.dtype[Any]
    batch: int

    def __call__(self, batch: NDArray[Any]) -> NDArray[Any]:
        """(B, S, S) float32 maps in [0, 1] of (B, S, S, 3) prepared pixels.

        Raises:
            ImageFault: the map of a batch of one is not finite. In a larger batch such a map is all NaN.
            UsageError: the output is not what was declared.
        """
        x = planes(batch, self.input).astype(self.dtype, copy=False)
        step = self.batch or len(x)
        parts = [self._run(x[start : start + step], step) for start in range(0, len(x), step)]
        return finish_maps(np.concatenate(parts), self.output)

    def _run(self, x: NDArray[Any], step: int) -> NDArray[np.float32]:
        """One call of the model; a short last part is filled up with its own first photo."""
        count = len(x)
        filled = np.concatenate([x, np.repeat(x[:1], step - count, axis=0)]) if count < step else x
        raw = self.run(filled).astype(np.float32, copy=False)
        side = self.input.side
        if raw.size != step * side * side:
            raise UsageError(
                f"the model's output {self.output.output!r} is {raw.shape}, not one {side}x{side} map "
                "per photo",
                remedy="declare another output for --network",
            )
        return raw.reshape(step, side, side)[:count]


def planes(batch: NDArray[Any], input: NetworkInput) -> NDArray[np.float32]:  # noqa: A002
    """(B, S, S, 3) pixels in [0, 255] as the network's (B, 3, S, S) float32: divided, minus mean, over std.

    A black photo under the divisor ``max`` stays zero before the mean is taken off.

    Example:
        >>> from maskgen.methods.networks.onnx.arrays import planes
        >>> import numpy as np
        >>> from maskgen.methods.network import NetworkInput, Run
        >>> how = NetworkInput(2, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), divisor="255")
        >>> planes(np.full((1, 2, 2, 3), 255, np.uint8), how)[0, :, 0, 0].tolist()
        [1.0, 1.0, 1.0]
    """
    count, height, width, channels = batch.shape
    x = np.empty((count, channels, height, width), np.float32)
    for photo, out in zip(batch, x, strict=True):
        top = 255.0 if input.divisor == "255" else float(photo.max()) or 1.0
        for channel, (mean, std) in enumerate(zip(input.mean, input.std, strict=True)):
            np.multiply(photo[:, :, channel], np.float32(1 / (top * std)), out=out[channel], dtype=np.float32)
            out[channel] -= np.float32(mean / std)
    return x


def finish_maps(maps: NDArray[np.float32], output: NetworkOutput) -> NDArray[np.float32]:
    """(B, S, S) outputs of a model as maps in [0, 1]: activation, then stretching.

    A map that is not finite becomes all NaN when it is not the only one.

    Raises:
        ImageFault: the only map is not finite.
        UsageError: values outside [0, 1] although neither sigmoid nor stretching was declared.

    Example:
        >>> from maskgen.methods.networks.onnx.arrays import finish_maps
        >>> import numpy as np
        >>> from maskgen.methods.networks.onnx.declaration import NetworkOutput
        >>> maps = np.array([[[0.2, 0.6], [0.2, 0.4]]], np.float32)
        >>> finish_maps(maps, NetworkOutput(stretch=True)).round(2).tolist()
        [[[0.0, 1.0], [0.0, 0.5]]]
    """
    if output.activation == "sigmoid":
        from scipy.special import expit  # a second to import: only networks that give logits pay it

        maps = expit(maps)
    done = np.zeros_like(maps)
    for raw, out in zip(maps, done, strict=True):
        low, high = float(raw.min()), float(raw.max())
        if not np.isfinite(high - low):
            if len(maps) == 1:
                raise ImageFault("non-finite-mask", "the network's map holds NaN or infinity")
            out.fill(np.nan)
        elif output.stretch:
            if high - low > FLAT:
                np.divide(raw - low, high - low, out=out)
        elif low < -OUTSIDE or high > 1 + OUTSIDE:
            raise UsageError(
                f"the model's output goes from {low:.3g} to {high:.3g}, not from 0 to 1",
                cause="it gives logits",
                remedy='declare activation = "sigmoid" or stretch = true for --network',
            )
        else:
            np.clip(raw, 0, 1, out=out)
    return done
