"""Pictures that the project draws itself: goldens, warm-up and smoke runs need no photograph of anybody's data set.

Every picture follows from its seed alone. They look like pizzas, and like things that are not, only roughly: what
matters is that they exercise colours, edges and sizes, and that any two programs can be compared on them.
"""

import io
import math
import random
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

from training.artefact import garments

Draw = Callable[[random.Random, int, int], Image.Image]
_RED, _CHEESE, _CRUST = (178, 44, 30), (240, 200, 104), (190, 124, 60)


def pizza(rng: random.Random, width: int, height: int) -> Image.Image:
    """Draw a round of dough with sauce, cheese, salami and basil on a table."""
    image = Image.new("RGB", (width, height), _near(rng, (92, 70, 54)))
    draw = ImageDraw.Draw(image)
    x, y, r = width / 2, height / 2, min(width, height) * rng.uniform(0.38, 0.47)
    for share, colour in ((1.0, _CRUST), (0.88, _RED), (0.84, _CHEESE)):
        _disc(draw, x, y, r * share, _near(rng, colour))
    for colour, count, size in ((_RED, 60, 0.05), ((250, 226, 160), 80, 0.06), ((168, 32, 26), 9, 0.14)):
        for _ in range(count):
            angle, distance = rng.uniform(0, math.tau), r * 0.72 * math.sqrt(rng.random())
            _disc(draw, x + distance * math.cos(angle), y + distance * math.sin(angle), r * size, _near(rng, colour))
    for _ in range(7):
        angle, distance = rng.uniform(0, math.tau), r * 0.6 * math.sqrt(rng.random())
        cx, cy = x + distance * math.cos(angle), y + distance * math.sin(angle)
        draw.ellipse((cx - r * 0.1, cy - r * 0.05, cx + r * 0.1, cy + r * 0.05), _near(rng, (46, 110, 40)))
    return image.filter(ImageFilter.GaussianBlur(min(width, height) / 200))


def salad(rng: random.Random, width: int, height: int) -> Image.Image:
    """Draw a white bowl of green leaves."""
    image = Image.new("RGB", (width, height), _near(rng, (206, 206, 210)))
    draw = ImageDraw.Draw(image)
    x, y, r = width / 2, height / 2, min(width, height) * 0.44
    _disc(draw, x, y, r, (250, 250, 250))
    for _ in range(140):
        angle, distance = rng.uniform(0, math.tau), r * 0.75 * math.sqrt(rng.random())
        cx, cy, w, h = x + distance * math.cos(angle), y + distance * math.sin(angle), r * 0.16, r * 0.07
        draw.ellipse((cx - w, cy - h, cx + w, cy + h), _near(rng, (70, 140, 50), 45))
    return image.filter(ImageFilter.GaussianBlur(min(width, height) / 200))


def sky(rng: random.Random, width: int, height: int) -> Image.Image:
    """Draw a blue gradient over hills."""
    gradient = Image.linear_gradient("L").resize((width, height))
    image = Image.merge("RGB", [gradient.point([int(a + (b - a) * i / 255) for i in range(256)]) for a, b in (
        (60, 210), (120, 225), (220, 245))])  # fmt: skip
    draw = ImageDraw.Draw(image)
    for _ in range(4):
        _disc(draw, rng.uniform(0, width), height * 1.3, height * rng.uniform(0.4, 0.7), _near(rng, (64, 104, 58)))
    return image


def blocks(rng: random.Random, width: int, height: int) -> Image.Image:
    """Draw coloured rectangles, hard edges and every corner of the colour space."""
    image = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(image)
    for _ in range(40):
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        colour = (rng.randrange(256), rng.randrange(256), rng.randrange(256))
        draw.rectangle((x, y, x + rng.uniform(4, width / 3), y + rng.uniform(4, height / 3)), colour)
    return image


def garment(rng: random.Random, width: int, height: int) -> Image.Image:
    """Draw a shirt on a light wall."""
    image = Image.new("RGB", (width, height), _near(rng, (228, 224, 216)))
    shirt = ((0.3, 0.15), (0.42, 0.2), (0.58, 0.2), (0.7, 0.15), (0.95, 0.4), (0.82, 0.5), (0.72, 0.42), (0.72, 0.92),
             (0.28, 0.92), (0.28, 0.42), (0.18, 0.5), (0.05, 0.4))  # fmt: skip
    outline = [(x * width, y * height) for x, y in shirt]
    ImageDraw.Draw(image).polygon(outline, _near(rng, (60, 80, 140), 60))
    return image


Golden = tuple[str, Draw, tuple[int, int]]  # name of the file, how it is drawn, its width and height in pixels


def _worn(name: str) -> Draw:
    return partial(garments.on_a_wall, name)


def _grey(name: str) -> Draw:
    return partial(garments.on_black, name)


_PHOTOGRAPHS: Sequence[Golden] = (
    ("pizza-square", pizza, (256, 256)),
    ("pizza-wide", pizza, (320, 200)),
    ("salad", salad, (256, 256)),
    ("sky", sky, (300, 225)),
    ("blocks", blocks, (224, 224)),
    ("garment", garment, (200, 280)),
)
_CLOTHING: Sequence[Golden] = (
    ("shirt", _worn("shirt"), (256, 256)),
    ("dress", _worn("dress"), (180, 320)),
    ("trousers", _worn("trousers"), (200, 300)),
    ("shorts", _worn("shorts"), (256, 224)),
    ("skirt", _worn("skirt"), (224, 256)),
    ("shoe", _worn("shoe"), (320, 200)),
    ("hat", _worn("hat"), (300, 225)),
    ("blocks", blocks, (224, 224)),
)
_FASHION: Sequence[Golden] = (
    *((name, _grey(name), (28, 28)) for name in ("shirt", "coat", "dress", "trousers", "shoe", "boot", "bag")),
    ("blocks", blocks, (40, 32)),
)
# A model is compared on pictures of its own kind where there are such: on others it may answer alike to everything.
_GOLDENS: Mapping[str, Sequence[Golden]] = {"clothing": _CLOTHING, "fashion-mnist": _FASHION}
_TINY = 40  # input height in pixels below which a model looks at icons, not at photographs


def goldens(model: str = "", size: int = 224) -> dict[str, bytes]:
    """Draw the golden pictures of a model.

    Args:
        model: name of the model; one of no set of its own has photographs, or small grey pictures.
        size: its input height and width, pixels.
    Returns: name -> PNG file.
    """
    chosen = _GOLDENS.get(model, _FASHION if size < _TINY else _PHOTOGRAPHS)
    return {name: _png(draw(random.Random(seed), *extent)) for seed, (name, draw, extent) in enumerate(chosen)}  # noqa: S311 - pictures, no secrets


KINDS: Sequence[Draw] = (pizza, salad, sky, blocks, garment)
FASHION: Sequence[Draw] = tuple(_grey(name) for name in garments.GARMENTS)


def write_folder(
    folder: Path, labels: Sequence[str], count: int, size: int = 96, kinds: Sequence[Draw] = KINDS
) -> None:
    """Draw a small data set: `count` PNG files for each label, each label another kind of picture.

    Args:
        folder: made if it is not there; gets a folder for each label.
        labels: class names.
        count: pictures a class.
        size: height and width, pixels.
        kinds: what is drawn for each label in turn, `KINDS` or `FASHION`.
    """
    for index, label in enumerate(labels):
        (folder / label).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            rng = random.Random(f"{index} {number}")  # noqa: S311 - pictures, no secrets
            picture = kinds[index % len(kinds)](rng, size, size)
            (folder / label / f"{number:04d}.png").write_bytes(_png(picture))


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _disc(draw: ImageDraw.ImageDraw, x: float, y: float, r: float, colour: tuple[int, ...]) -> None:
    draw.ellipse((x - r, y - r, x + r, y + r), colour)


def _near(rng: random.Random, colour: tuple[int, ...], spread: int = 14) -> tuple[int, ...]:
    return tuple(max(0, min(255, c + rng.randint(-spread, spread))) for c in colour)
