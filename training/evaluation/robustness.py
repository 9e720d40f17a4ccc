"""Accuracy on damaged pictures, as a function of the damage: rotation, blur, JPEG, brightness, noise.

After Hendrycks and Dietterich 2019 (arXiv:1903.12261): each kind alone, in rising strength, on what the model is given
(its own input size), so that strengths mean the same for every data set. The same pictures always get the same damage.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageFilter
from tqdm import tqdm

from training.evaluation import metrics

Damage = Callable[[np.ndarray, float, np.random.Generator], np.ndarray]
Classify = Callable[[np.ndarray], np.ndarray]


def rotate(image: np.ndarray, degrees: float, _: np.random.Generator) -> np.ndarray:
    """Turn a picture about its centre; corners show it mirrored, not black."""
    height, width = image.shape[:2]
    around = max(height, width) // 4  # at 45 degrees the corners need 0.21 of the side
    padded = np.pad(image, ((around, around), (around, around), (0, 0)), "reflect")
    turned = Image.fromarray(padded).rotate(degrees, Image.Resampling.BICUBIC)
    return np.asarray(turned)[around : around + height, around : around + width]


def blur(image: np.ndarray, percent: float, _: np.random.Generator) -> np.ndarray:
    """Blur by a Gaussian whose standard deviation is a percentage of the longer side."""
    sigma = percent / 100 * max(image.shape[:2])
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(sigma)))


def jpeg(image: np.ndarray, quality: float, _: np.random.Generator) -> np.ndarray:
    """Encode as JPEG of a quality (100 to 1) and decode again."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=int(quality))
    with Image.open(buffer) as decoded:
        return np.asarray(decoded.convert("RGB"))


def brighten(image: np.ndarray, factor: float, _: np.random.Generator) -> np.ndarray:
    """Multiply by a factor; what exceeds white stays white."""
    return np.clip(image.astype(np.float32) * factor, 0, 255).round().astype(np.uint8)


def noise(image: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """Add Gaussian noise of a standard deviation (0..255), another value for each pixel and channel."""
    added = rng.normal(0, sigma, image.shape)
    return np.clip(image + added, 0, 255).round().astype(np.uint8)


@dataclass(frozen=True)
class Kind:
    """A kind of damage, what its strength means, the strength that changes nothing, and others in drawing order."""

    name: str
    unit: str
    damage: Damage
    none: float
    strengths: Sequence[float]


KINDS: Sequence[Kind] = (
    Kind("rotation", "degrees", rotate, 0, (5, 15, 30, 45)),
    Kind("blur", "% of the side", blur, 0, (0.5, 1, 2, 4)),
    Kind("JPEG", "quality", jpeg, 100, (60, 30, 15, 5)),
    Kind("brightness", "factor", brighten, 1, (0.4, 0.7, 1.4, 2)),
    Kind("noise", "standard deviation, 0-255", noise, 0, (10, 20, 40, 80)),
)


@dataclass(frozen=True)
class Curve:
    """Accuracy at each strength of a kind of damage; all of length S, strengths rising, the undamaged one included."""

    kind: Kind
    strengths: np.ndarray
    accuracies: np.ndarray
    low: np.ndarray
    high: np.ndarray
    pictures: int

    def to_json(self) -> dict[str, Any]:
        """Write as JSON-ready dictionary."""
        numbers = {"strength": self.strengths, "accuracy": self.accuracies, "low": self.low, "high": self.high}
        return {
            "unit": self.kind.unit,
            "pictures": self.pictures,
            **{name: [round(float(v), 4) for v in values] for name, values in numbers.items()},
        }


def sample(truth: np.ndarray, most: int, seed: int = 0) -> np.ndarray:
    """Choose at most that many pictures, each class by its share; return their rows, rising."""
    if len(truth) <= most:
        return np.arange(len(truth))
    rng = np.random.default_rng(seed)
    # Shuffled within its class, each picture gets its place in 0..1; the lowest places hold every class by its share.
    place = np.empty(len(truth))
    for k in np.unique(truth):
        rows = np.flatnonzero(truth == k)
        place[rng.permutation(rows)] = (np.arange(len(rows)) + 0.5) / len(rows)
    return np.sort(np.argsort(place, kind="stable")[:most])


def curves(images: np.ndarray, truth: np.ndarray, right: np.ndarray, classify: Classify) -> Mapping[str, Curve]:
    """Measure every kind of damage at every strength, with a progress bar.

    Args:
        images: uint8[N, H, W, 3].
        truth: int[N], true classes.
        right: bool[N], whether each undamaged picture is answered rightly.
        classify: uint8[N, H, W, 3] -> float[N, K] probabilities.
    Returns: name of the kind -> its curve.
    """
    found = {}
    with tqdm(total=sum(len(kind.strengths) for kind in KINDS), unit="strength", leave=False, disable=None) as bar:
        for kind in KINDS:
            hits = {kind.none: int(right.sum())}
            for strength in kind.strengths:
                bar.set_description(f"{kind.name} {strength:g}")
                rng = np.random.default_rng(0)
                damaged = np.stack([kind.damage(image, strength, rng) for image in images])
                hits[strength] = int((classify(damaged).argmax(axis=1) == truth).sum())
                bar.update()
            strengths = sorted(hits)
            bounds = np.array([metrics.wilson(hits[s], len(truth)) for s in strengths])
            shares = np.array([hits[s] / len(truth) for s in strengths])
            found[kind.name] = Curve(kind, np.array(strengths), shares, bounds[:, 0], bounds[:, 1], len(truth))
    return found
