"""One picture, one tensor: the project's only decoder and resizer (contract 2).

    PictureError
    |-- NotAPicture         none of the accepted formats                  HTTP 415
    |-- UndecodablePicture  an accepted format, but broken or cut short   HTTP 422
    `-- PictureTooLarge     more pixels than may be decoded               HTTP 413

Depends on Pillow and NumPy only, because training, verification and benchmarks call it too.
"""

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt

# All five by name: Image.open would otherwise import each of Pillow's forty plugins to look for WebP.
from PIL import BmpImagePlugin, GifImagePlugin, Image, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

FORMATS = tuple(
    plugin.format
    for plugin in (
        JpegImagePlugin.JpegImageFile,
        PngImagePlugin.PngImageFile,
        WebPImagePlugin.WebPImageFile,
        GifImagePlugin.GifImageFile,
        BmpImagePlugin.BmpImageFile,
    )
)
_MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF", b"GIF87a", b"GIF89a", b"BM")

# A baseline JPEG of this size; others cost more memory a pixel and may have only a part of it (see `_cost`).
MAX_PIXELS = 50_000_000
_MAX_SCANS = 64  # encoders write about ten; each one more is a pass over all pixels of a progressive JPEG
_GAP = 2  # coarse reduction stops at this multiple of the target, so that it does not show in the result
_BAND_PIXELS = 1_000_000  # converted at a time, so that a conversion never doubles a large picture

# Memory: at most two pictures are decoded at once, and at most one of them is large.
_slots = threading.BoundedSemaphore(2)
_large_slot = threading.BoundedSemaphore(1)
_LARGE_COST = 8_000_000

# EXIF orientation (CIPA DC-008, 4.6.4.A) -> what brings the picture upright.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION_TAG = 0x0112
_FIRST_SIDEWAYS = 5  # orientations 5 to 8 swap width and height


class PictureError(ValueError):
    """Report bytes that cannot become a tensor; the message is a sentence for people."""


class NotAPicture(PictureError):  # noqa: N818 - what a reader of `except` wants to see
    """Report bytes that are in none of the accepted formats."""


class UndecodablePicture(PictureError):  # noqa: N818
    """Report a picture of an accepted format that is broken or cut short."""


class PictureTooLarge(PictureError):  # noqa: N818
    """Report a picture with more pixels than may be decoded."""


def to_tensor(data: bytes, height: int, width: int, *, max_pixels: int = MAX_PIXELS) -> npt.NDArray[np.uint8]:
    """Decode a picture and stretch it to the size that a model asks for.

    Upright by its EXIF orientation, alpha over white, the first frame of an animation; large pictures are first
    averaged down by whole factors to at least twice the target, then resized by an antialiased bicubic filter. The same
    bytes always give the same tensor.

    Args:
        data: a JPEG, PNG, WebP, GIF or BMP file.
        height: rows of the result.
        width: columns of the result.
        max_pixels: the largest baseline JPEG that is decoded; half as many for PNG, GIF, BMP and progressive JPEG, a
            quarter for WebP and progressive CMYK.
    Returns: uint8[height, width, 3], RGB.
    Raises: NotAPicture, UndecodablePicture, PictureTooLarge.
    """
    image = _open(data)
    cost = _cost(image, data)
    if cost > max_pixels:
        raise PictureTooLarge(
            f"The picture has {image.width} x {image.height} pixels, more than are accepted of a {image.format} file."
        )
    with _slot(large=cost > _LARGE_COST):
        try:
            return _decode(image, height, width)
        except MemoryError:
            raise PictureTooLarge("The picture needs more memory than there is.") from None
        except Exception as error:  # a hostile file makes Pillow raise nearly anything
            raise UndecodablePicture("The picture is broken or cut short.") from error
        finally:
            image.close()


def _open(data: bytes) -> Image.Image:
    """Read the header only."""
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError):
        raise PictureTooLarge("The picture has far more pixels than are accepted.") from None
    except Exception as error:
        if data.startswith(_MAGIC):
            raise UndecodablePicture("The picture's header is broken or cut short.") from error
        raise NotAPicture("This is not a JPEG, PNG, WebP, GIF or BMP picture.") from None
    if min(image.size) < 1:
        raise UndecodablePicture("The picture has no pixels.")
    return image


def _cost(image: Image.Image, data: bytes) -> int:
    """Weigh a picture in pixels of a baseline JPEG, which alone can be decoded at a fraction of its size."""
    pixels = image.width * image.height
    if image.format == "WEBP":  # its decoder keeps two canvases and a copy
        return 4 * pixels
    if not isinstance(image, JpegImagePlugin.JpegImageFile):
        return 2 * pixels
    if "progressive" not in image.info:
        return pixels
    if data.count(b"\xff\xda") > _MAX_SCANS:
        raise UndecodablePicture("The picture has more scans than any camera or editor writes.")
    return (4 if image.mode == "CMYK" else 2) * pixels  # libjpeg keeps all coefficients


@contextmanager
def _slot(*, large: bool) -> Iterator[None]:
    """Wait for one of the places to decode in; large pictures queue for theirs first, so no two hold each other up."""
    if large:
        with _large_slot, _slots:
            yield
    else:
        with _slots:
            yield


def _decode(image: Image.Image, height: int, width: int) -> npt.NDArray[np.uint8]:
    """Return uint8[height, width, 3] of an opened picture; raise whatever Pillow raises."""
    if not isinstance(image, JpegImagePlugin.JpegImageFile):
        image.load()  # before EXIF, which a PNG may keep behind its pixels
    orientation = _orientation(image)
    if orientation >= _FIRST_SIDEWAYS:
        height, width = width, height
    image.draft(image.mode, (_GAP * width, _GAP * height))  # never below that size; only JPEG can
    image.load()
    factor = max(1, image.width // (_GAP * width)), max(1, image.height // (_GAP * height))
    box = (0, 0, image.width / factor[0], image.height / factor[1])
    resized = _reduce(image, factor).resize((width, height), Image.Resampling.BICUBIC, box=box)
    if orientation in _UPRIGHT:
        resized = resized.transpose(_UPRIGHT[orientation])
    return np.array(resized)


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8; 1 where there is none or EXIF is broken."""
    try:
        orientation = image.getexif().get(_ORIENTATION_TAG)
    except Exception:  # noqa: BLE001 - broken EXIF is no reason to refuse the pixels
        return 1
    return orientation if isinstance(orientation, int) and 1 <= orientation <= len(_UPRIGHT) + 1 else 1


def _reduce(image: Image.Image, factor: tuple[int, int]) -> Image.Image:
    """Average blocks of `factor` (columns, rows) pixels, band by band, and return an RGB image over white."""
    columns, rows = factor
    reduced = Image.new("RGB", (-(-image.width // columns), -(-image.height // rows)))
    step = max(1, _BAND_PIXELS // (image.width * rows)) * rows
    for top in range(0, image.height, step):
        band = _flatten(image.crop((0, top, image.width, min(top + step, image.height))))
        reduced.paste(band.reduce(factor), (0, top // rows))
    return reduced


def _flatten(band: Image.Image) -> Image.Image:
    """Convert any mode that the accepted formats have to RGB, with transparency over white."""
    if band.mode.startswith("I"):  # 16-bit grey: convert("RGB") would clip it to white; take the high byte
        grey = np.array(band).astype(np.uint16)
        high = (grey >> 8).astype(np.uint8)
        if isinstance(transparent := band.info.get("transparency"), int):
            high[grey == transparent] = 255
        return Image.fromarray(high).convert("RGB")
    if not band.has_transparency_data:
        return band.convert("RGB")
    rgba = band.convert("RGBA")
    white = Image.new("RGBA", rgba.size, "white")
    white.alpha_composite(rgba)
    return white.convert("RGB")
