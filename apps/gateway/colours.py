"""Colours as the models know them, sRGB: a colour profile in a picture says what its numbers mean otherwise.

Profiles of three primaries and curves are understood, and of a grey curve (ICC.1:2022, 8.3 and 8.4.2): those of
cameras, screens and editors. Others, of tables or of inks, change nothing, as do broken ones and those that are sRGB
but for a few levels. It is done here and not by a colour library, since that would run whatever program a stranger's
profile is.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

MOST_BYTES = 2**20  # such profiles have some hundreds to some thousands
_MOST_TAGS = 100
_CURVES, _PRIMARIES = (b"rTRC", b"gTRC", b"bTRC"), (b"rXYZ", b"gXYZ", b"bXYZ")
_TAGS = frozenset({*_CURVES, *_PRIMARIES, b"kTRC"})
_NEARLY = 3  # levels of 255 that a profile may differ from sRGB without being applied

# sRGB's primaries as columns, adapted to the profile connection space's white (IEC 61966-2-1; ICC.1, annex E).
_SRGB = np.array(
    [[0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169], [0.0139322, 0.0971045, 0.7141733]]
)
_STEPS = 4096
_LINEAR = np.linspace(0, 1, _STEPS)
_STRAIGHT = 0.0031308  # up to here sRGB's curve is a line
_ENCODED = np.where(_LINEAR <= _STRAIGHT, 12.92 * _LINEAR, 1.055 * _LINEAR ** (1 / 2.4) - 0.055)
_LEVELS = np.round(255 * _ENCODED).astype(np.uint8)
_BAND = 300_000  # numbers converted at a time: as floating point they take many times their size
_PROBE = np.stack(np.meshgrid(*[np.arange(0, 256, 51, dtype=np.uint8)] * 3), axis=-1).reshape(1, -1, 3)

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class _Profile:
    """What three numbers mean: `curves` float64[3, 256] to light, `matrix` float64[3, 3] from that to sRGB's."""

    curves: npt.NDArray[np.float64]
    matrix: npt.NDArray[np.float64]

    def apply(self, pixels: Pixels) -> Pixels:
        light = np.stack([self.curves[channel][pixels[..., channel]] for channel in range(3)], axis=-1)
        steps = np.clip(light @ self.matrix.T, 0, 1) * (_STEPS - 1)
        return np.asarray(_LEVELS[np.round(steps).astype(np.intp)])


def to_srgb(pixels: Pixels, profile: bytes, *, grey: bool) -> Pixels:
    """Convert to sRGB by a picture's profile.

    Args:
        pixels: uint8[H, W, 3]; three times the same where the picture is grey.
        profile: an ICC profile; may be empty or broken.
        grey: whether the picture's own pixels had one colour channel.
    Returns: uint8[H, W, 3]; the same array where the profile changes nothing.
    """
    if not profile or len(profile) > MOST_BYTES:
        return pixels
    try:
        meant = _read(profile, grey=grey)
    except (struct.error, ValueError, IndexError, KeyError):
        return pixels
    if meant is None:
        return pixels
    probe = _PROBE[..., :1].repeat(3, axis=-1) if grey else _PROBE
    if np.abs(meant.apply(probe).astype(int) - probe).max() <= _NEARLY:
        return pixels
    bands = np.array_split(pixels, max(1, pixels.size // _BAND))
    return np.concatenate([meant.apply(band) for band in bands])


def _read(profile: bytes, *, grey: bool) -> _Profile | None:
    """Read a profile; None where it is none for such a picture. Raises: what parsing raises."""
    space, connection = profile[16:20], profile[20:24]
    if profile[36:40] != b"acsp" or space != (b"GRAY" if grey else b"RGB "):
        return None
    tags = _tags(profile)
    if grey:
        return _Profile(np.stack([_curve(tags[b"kTRC"])] * 3), np.eye(3))
    if connection != b"XYZ ":
        return None
    curves = np.stack([_curve(tags[name]) for name in _CURVES])
    primaries = np.stack([_xyz(tags[name]) for name in _PRIMARIES], axis=1)
    return _Profile(curves, np.linalg.inv(_SRGB) @ primaries)


def _tags(profile: bytes) -> Mapping[bytes, bytes]:
    (count,) = struct.unpack_from(">L", profile, 128)
    entries = [struct.unpack_from(">4sLL", profile, 132 + 12 * index) for index in range(min(count, _MOST_TAGS))]
    return {name: profile[start : start + size] for name, start, size in entries if name in _TAGS}


def _xyz(tag: bytes) -> npt.NDArray[np.float64]:
    if tag[:4] != b"XYZ ":
        raise ValueError
    return np.array(struct.unpack_from(">3l", tag, 8)) / 65536


def _curve(tag: bytes) -> npt.NDArray[np.float64]:
    """Read a curve: what each of 256 levels is in light, 0 to 1."""
    levels = np.linspace(0, 1, 256)
    if tag[:4] == b"curv":
        (count,) = struct.unpack_from(">L", tag, 8)
        if count == 0:
            return levels
        values = np.frombuffer(tag, ">u2", count, 12).astype(np.float64)
        if count == 1:
            return np.asarray(np.power(levels, values[0] / 256))
        return np.interp(levels, np.linspace(0, 1, count), values / 65535)
    if tag[:4] == b"para":
        return _parametric(tag, levels)
    raise ValueError


def _parametric(tag: bytes, levels: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Read a curve that is given by its numbers (ICC.1:2022, table 68)."""
    (kind,) = struct.unpack_from(">H", tag, 8)
    count = (1, 3, 4, 5, 7)[kind]
    g, *numbers = np.array(struct.unpack_from(f">{count}l", tag, 12)) / 65536
    a, b, c, d, e, f = [*numbers, *[0.0] * (6 - len(numbers))] if numbers else [1.0, *[0.0] * 5]
    if kind in (1, 2):  # below the point where the power starts it is flat
        d, e, f, c = (-b / a if a else 0.0), c, c, 0.0
    with np.errstate(all="ignore"):
        curve = np.where(levels >= d, np.power(np.maximum(a * levels + b, 0), g) + e, c * levels + f)
    return np.asarray(np.clip(np.nan_to_num(curve), 0, 1))
