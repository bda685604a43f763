"""A backbone and a head on it: a set of pictures in, counts and figures out, part by part and only once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from maskgen.io.atomic import file_sha256
from maskgen.processes.signals import StopSignals, interrupted
from maskgen.trainers.datasets.images import Images
from maskgen.trainers.distributed.ranks import all_sum, any_rank, own_range, rank
from maskgen.trainers.heads.head import OWN, Head
from maskgen.trainers.pretrained.encoder import Encoder
from maskgen.trainers.probes.features import Extractor, FeatureStore, InputTransform, default_share
from maskgen.trainers.probes.setup import FEATURES, SIDE, ProbeConfig

from ..frozen import write_result
from ..parts import Parts, Say
from .judges import Counts
from .sets.kinds import KINDS, Kind
from .sets.parts import Part

_ROWS = 4096
PARTS = "parts"


@dataclass(frozen=True, eq=False)
class Classifier:
    """A backbone, a head on it, and how both are fed.

    Args:
        encoder: the frozen backbone.
        head: the classifier.
        config: how pictures become inputs, and where results go.
        source: of the head, as given.
    """

    encoder: Encoder
    head: Head
    config: ProbeConfig
    source: str

    def transform(self, kind: Kind) -> InputTransform:
        """How the pictures of a set become inputs."""
        config, side = self.config, self.config.side or SIDE
        return InputTransform(
            side=side,
            share=kind.share or config.share or default_share(side),
            precision=config.precision,
            interpolation=config.interpolation or self.encoder.facts["interpolation"],
        )

    def facts(self, kind: Kind) -> dict[str, Any]:
        """What a result depends on, beside the pictures."""
        transform, facts = self.transform(kind), self.encoder.facts
        return {
            "backbone": facts["backbone"],
            "checkpoint_sha256": facts["checkpoint_sha256"],
            "head": OWN if self.source == OWN else file_sha256(Path(self.source)),
            "side": transform.side,
            "share": transform.share,
            "interpolation": transform.interpolation,
            "precision": transform.precision,
            "trained_side": self.encoder.view_px,
        }

    @torch.no_grad()
    def logits(self, pictures: Tensor) -> Tensor:
        """(B, 3, S, S) uint8 pictures to (B, C) on the device."""
        device, half = self.config.device, self.config.precision == "bf16"
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            features = self.encoder.network(self.encoder.normalize(pictures.to(device)))
        return self.head.logits(features)

    def of_pixels(self, pixels: Tensor) -> Tensor:
        """(B, 3, S, S) float32 in [0, 1] to (B, C), with a gradient."""
        features = self.encoder.network(self.encoder.normalize(pixels * 255))
        logits: Tensor = self.head.layer(self.head.standard(features))
        return logits

    def pixels(self, images: Images, rows: NDArray[np.int64]) -> Tensor:
        """The inputs that some photos become, (B, 3, S, S) float32 in [0, 1] on the device."""
        transform = self.transform(KINDS["val"])
        inputs = np.stack([transform.input(images.read(row), row) for row in rows.tolist()])
        return torch.from_numpy(inputs).permute(0, 3, 1, 2).to(self.config.device).float() / 255

    def store(self) -> FeatureStore:
        """The backbone's features."""
        config, encoder = self.config, self.encoder
        extractor = Extractor(
            encoder.network, config.device, config.batch_size, config.threads, encoder.normalize
        )
        return FeatureStore(config.output / FEATURES, encoder.digest, extractor)

    def judge(
        self, name: str, parts: Mapping[str, Part], say: Say, stop: StopSignals | None
    ) -> dict[str, Any]:
        """The result of one set, written to its file.

        Raises:
            Interrupted: a signal asked for it.
        """
        kind = KINDS[name]
        asked = self.facts(kind)
        counted: dict[str, Counts] = {}
        for number, (part_name, part) in enumerate(parts.items(), 1):
            counted[part_name] = self._count_once(name, part_name, part)
            if len(parts) > 1:
                report(say, f"{name}: {number}/{len(parts)} {part_name}", stop)
        figures = kind.figures(counted)
        data = {part_name or name: part.mark for part_name, part in parts.items()}
        result = {**asked, "set": name, "data": data, "counts": counted, "figures": figures}
        write_result(self.config.output / f"{name}.json", result)
        report(say, f"{name}: " + ", ".join(map(_shown, figures.items())), stop)
        return result

    def _count_once(self, name: str, part_name: str, part: Part) -> Counts:
        """The counts of a part of a set, from disk where they are there."""
        kind = KINDS[name]
        kept = Parts(self.config.output / PARTS, [self.facts(kind), name, part.mark])
        title = "-".join([name, *part_name.split("/")]) if part_name else name
        made = kept.compute_together(
            title, lambda: {key: np.array(count) for key, count in self._count(kind, part).items()}
        )
        return {key: int(count) for key, count in made.items()}

    def _count(self, kind: Kind, part: Part) -> Counts:
        """The counts of a part, over all ranks."""
        store, transform, own = self.store(), self.transform(kind), own_range(len(part.images))
        features = torch.from_numpy(store.get(part.images, transform, slice(own.start, own.stop)))
        total: dict[str, float] = {}
        for start in range(0, max(len(own), 1), _ROWS):
            rows = own[start : start + _ROWS]
            logits = self.head.logits(features[start : start + _ROWS].to(self.config.device))
            for name, count in part.judge(logits, slice(rows.start, rows.stop)).items():
                total[name] = total.get(name, 0) + count
        if not kind.keep:
            store.drop(part.images, transform)
        values = all_sum(torch.tensor(list(total.values()), dtype=torch.float64)).tolist()
        return {name: int(value) for name, value in zip(total, values, strict=True)}


def _shown(figure: tuple[str, Any]) -> str:
    name, value = figure
    return f"{name} -" if value is None else f"{name} {value:.4g}"


def report(say: Say, text: str, stop: StopSignals | None) -> None:
    """Say how far it is, on one rank; and stop there if a signal asks for it.

    Raises:
        Interrupted: it does.
    """
    if rank() == 0:
        say(text)
    if stop is not None and any_rank(bool(stop)):
        raise interrupted()
