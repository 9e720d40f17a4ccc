"""The pictures of a run: decoded once for every size that is asked for, their features computed once a backbone."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from training import data
from training.backbones import build_backbone


@dataclass(frozen=True)
class Pictures:
    """All pictures of a run, or some rows of them.

    Args:
        everything: all examples of the run.
        rows: int[N], those that this object speaks of.
        cache: folder for decoded tensors and features; none if None.
    """

    everything: Sequence[data.Example]
    rows: np.ndarray
    cache: Path | None

    @classmethod
    def of(cls, examples: Sequence[data.Example], cache: Path | None) -> "Pictures":
        """Speak of all examples."""
        return cls(examples, np.arange(len(examples)), cache)

    def __len__(self) -> int:
        """Count the pictures."""
        return len(self.rows)

    def where(self, chosen: np.ndarray) -> "Pictures":
        """Speak of those of these pictures for which bool[N] holds."""
        return Pictures(self.everything, self.rows[chosen], self.cache)

    def of_splits(self, splits: Sequence[str]) -> "Pictures":
        """Speak of the pictures of some splits."""
        return self.where(np.array([e.split in splits for e in self.examples], bool))

    def of_split(self, split: str) -> "Pictures":
        """Speak of the pictures of one split; raise data.DataError if there are none."""
        part = self.of_splits([split])
        if not len(part):
            raise data.DataError(f"No picture falls into the {split} split: there are only {len(self)} in all.")
        return part

    @property
    def examples(self) -> list[data.Example]:
        """The examples, in order."""
        return [self.everything[row] for row in self.rows]

    @property
    def labels(self) -> np.ndarray:
        """int[N], true classes."""
        return np.array([e.label for e in self.examples], int)

    def at(self, size: int) -> np.ndarray:
        """Decode to uint8[N, size, size, 3]; raise data.DataError for pictures that cannot be."""
        return cast("np.ndarray", data.load(self.everything, size, self.cache)[self.rows])

    def features(
        self, backbone: str, size: int, weights: str | None, *, mirrored: bool = False, inner_size: int | None = None
    ) -> np.ndarray:
        """Compute a frozen backbone's features, float32[N, F]; averaged over the mirrored picture if `mirrored`.

        Args:
            backbone: a key of `training.backbones.BACKBONES`.
            size: height and width that the pictures are decoded to, pixels.
            weights: as `build_backbone` takes them; features are kept between runs for "imagenet" alone.
            mirrored: average with the features of the mirrored picture.
            inner_size: height and width that the graph enlarges the pictures to; as they are if None.
        """
        kept = None
        if self.cache and weights == "imagenet":
            what = "".join(e.sha256 for e in self.everything) + f"{backbone} {size} {inner_size} {mirrored}"
            kept = self.cache / f"features-{hashlib.sha256(what.encode()).hexdigest()[:20]}.npy"
            if kept.exists():
                return cast("np.ndarray", np.load(kept)[self.rows])
        images = data.load(self.everything, size, self.cache)
        model = build_backbone(backbone, inner_size or size, weights, resize_from=size)
        found = predict(model, images, f"features of {backbone}")
        if mirrored:
            found = (found + predict(model, images[:, :, ::-1], f"features of {backbone}, mirrored")) / 2
        if kept:
            partial = kept.with_suffix(".partial.npy")
            np.save(partial, found)
            partial.replace(kept)
        return cast("np.ndarray", found[self.rows])


def predict(model: keras.Model, images: np.ndarray, what: str, batch: int = 32) -> np.ndarray:
    """Run a model in training code on uint8[N, H, W, 3] pictures, with a progress bar."""
    call = tf.function(lambda x: model(x, training=False), reduce_retracing=True)
    starts = tqdm(range(0, len(images), batch), desc=what, unit="batch", disable=None, leave=False)
    return np.concatenate([call(tf.cast(images[i : i + batch], tf.float32)).numpy() for i in starts])
