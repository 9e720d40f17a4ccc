"""Garments that the project draws itself: in colour on a wall, or grey on black as Fashion-MNIST shows them."""

import random
from collections.abc import Mapping, Sequence

from PIL import Image, ImageChops, ImageDraw, ImageFilter

Outline = Sequence[tuple[float, float]]

# The left half of each outline, from its top to its bottom, in shares of width and height; the right half mirrors it.
_HALVES: Mapping[str, Outline] = {
    "shirt": ((0.42, 0.14), (0.3, 0.17), (0.05, 0.4), (0.18, 0.5), (0.28, 0.42), (0.28, 0.9)),
    "coat": ((0.42, 0.06), (0.28, 0.1), (0.14, 0.3), (0.1, 0.78), (0.22, 0.8), (0.26, 0.42), (0.24, 0.96)),
    "dress": ((0.44, 0.05), (0.38, 0.05), (0.36, 0.2), (0.4, 0.42), (0.22, 0.95)),
    "skirt": ((0.36, 0.22), (0.18, 0.82)),
    "trousers": ((0.36, 0.04), (0.3, 0.3), (0.3, 0.97), (0.44, 0.97), (0.49, 0.34)),
    "shorts": ((0.3, 0.2), (0.2, 0.75), (0.46, 0.78), (0.49, 0.45)),
    "bag": ((0.4, 0.2), (0.36, 0.34), (0.14, 0.36), (0.12, 0.84)),
}
# Whole outlines of what has no mirror.
_WHOLES: Mapping[str, Outline] = {
    "shoe": ((0.06, 0.42), (0.28, 0.4), (0.42, 0.52), (0.66, 0.58), (0.94, 0.68), (0.96, 0.78), (0.06, 0.78)),
    "boot": ((0.2, 0.08), (0.52, 0.08), (0.54, 0.58), (0.9, 0.74), (0.92, 0.88), (0.2, 0.88)),
    "hat": ((0.04, 0.66), (0.26, 0.6), (0.32, 0.28), (0.5, 0.22), (0.68, 0.28), (0.74, 0.6), (0.96, 0.66), (0.5, 0.76)),
}
GARMENTS = (*_HALVES, *_WHOLES)


def on_a_wall(name: str, rng: random.Random, width: int, height: int) -> Image.Image:
    """Draw a garment in one colour, with folds and a soft shadow, on a light wall.

    Args:
        name: one of `GARMENTS`.
        rng: decides colours and folds.
        width: of the picture, pixels.
        height: of the picture, pixels.
    """
    wall = Image.new("RGB", (width, height), _grey(rng, 205, 240))
    mask = _silhouette(name, width, height)
    dark = mask.filter(ImageFilter.GaussianBlur(width / 30)).point(lambda v: v // 3)
    wall.paste((70, 66, 62), mask=ImageChops.offset(dark, width // 40, height // 40))
    colour = tuple(rng.randint(20, 210) for _ in range(3))
    wall.paste(_cloth(rng, colour, width, height), mask=mask)
    return wall.filter(ImageFilter.GaussianBlur(min(width, height) / 300))


def on_black(name: str, rng: random.Random, width: int, height: int) -> Image.Image:
    """Draw a garment in greys on black, as small as asked for."""
    scale = 8  # drawn larger, then shrunk: soft edges
    large = (width * scale, height * scale)
    level = rng.randint(110, 230)
    image = Image.new("RGB", large)
    image.paste(_cloth(rng, (level, level, level), *large), mask=_silhouette(name, *large))
    return image.convert("L").resize((width, height), Image.Resampling.BOX)


def _silhouette(name: str, width: int, height: int) -> Image.Image:
    """Return a garment's mask: mode L, 255 inside."""
    half = _HALVES.get(name)
    outline = _WHOLES[name] if half is None else (*half, *((1 - x, y) for x, y in reversed(half)))
    mask = Image.new("L", (width, height))
    ImageDraw.Draw(mask).polygon([(x * width, y * height) for x, y in outline], 255)
    return mask


def _cloth(rng: random.Random, colour: tuple[int, ...], width: int, height: int) -> Image.Image:
    """Draw a colour with lighter and darker folds."""
    cloth = Image.new("RGB", (width, height), colour)
    draw = ImageDraw.Draw(cloth)
    for _ in range(14):
        x, y, change = rng.uniform(0, width), rng.uniform(0, height), rng.randint(-45, 45)
        end = (x + rng.uniform(-0.15, 0.15) * width, y + rng.uniform(0.2, 0.5) * height)
        folded = tuple(max(0, min(255, c + change)) for c in colour)
        draw.line(((x, y), end), folded, max(1, width // 40))
    return cloth.filter(ImageFilter.GaussianBlur(width / 60))


def _grey(rng: random.Random, low: int, high: int) -> tuple[int, int, int]:
    level = rng.randint(low, high)
    return level, level - 2, level - 6
