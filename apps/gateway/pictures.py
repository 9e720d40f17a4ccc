"""One picture, one tensor: the project's only decoder and resizer (contract 2).

    PictureError
    |-- NotAPicture         none of the accepted formats                  HTTP 415
    |-- UndecodablePicture  an accepted format, but broken or cut short   HTTP 422
    `-- PictureTooLarge     more pixels than may be decoded               HTTP 413

Depends on Pillow and NumPy only, because training, verification and benchmarks call it too.
"""

import io

import numpy as np
import numpy.typing as npt

# All six by name: Image.open would otherwise import each of Pillow's forty plugins to look for WebP.
from PIL import AvifImagePlugin, BmpImagePlugin, GifImagePlugin, Image, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from gateway import formats
from gateway.colours import to_srgb
from gateway.formats import Broken, Header
from gateway.places import Places, default_places

FORMATS = tuple(
    str(plugin.format)
    for plugin in (
        JpegImagePlugin.JpegImageFile,
        PngImagePlugin.PngImageFile,
        WebPImagePlugin.WebPImageFile,
        GifImagePlugin.GifImageFile,
        BmpImagePlugin.BmpImageFile,
        *([AvifImagePlugin.AvifImageFile] if AvifImagePlugin.SUPPORTED else []),  # a distribution's Pillow may lack it
    )
)
AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # each would keep frames of its own

# A baseline JPEG of this size; others cost more memory a pixel and may have only a part of it: formats.Header.factor.
MAX_PIXELS = 50_000_000
_MAX_SIDE = 65_535  # of all formats but PNG and BMP anyway; rows and columns without end defeat bands
_GAP = 2  # coarse reduction stops at this multiple of the target, so that it does not show in the result
_BAND_PIXELS = 1_000_000  # converted at a time, so that a conversion never doubles a large picture

PLACES = Places(default_places())  # of programs that do not bring their own

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
_GREY = frozenset("1LI")  # how Pillow's names of grey modes begin
_FIRST_SIDEWAYS = 5  # orientations 5 to 8 swap width and height


class PictureError(ValueError):
    """Report bytes that cannot become a tensor; the message is a sentence for people."""


class NotAPicture(PictureError):  # noqa: N818 - what a reader of `except` wants to see
    """Report bytes that are in none of the accepted formats."""


class UndecodablePicture(PictureError):  # noqa: N818
    """Report a picture of an accepted format that is broken or cut short."""


class PictureTooLarge(PictureError):  # noqa: N818
    """Report a picture with more pixels than may be decoded."""


def to_tensor(
    data: bytes, height: int, width: int, *, max_pixels: int = MAX_PIXELS, places: Places = PLACES
) -> npt.NDArray[np.uint8]:
    """Decode a picture and stretch it to the size that a model asks for.

    Upright by its EXIF orientation, in sRGB by its colour profile, alpha over white, the first frame of an animation;
    large pictures are first averaged down by whole factors to at least twice the target, then resized by an antialiased
    bicubic filter. The same bytes always give the same tensor.

    Args:
        data: a JPEG, PNG, WebP, GIF, BMP or AVIF file.
        height: rows of the result.
        width: columns of the result.
        max_pixels: the largest baseline JPEG that is decoded; half as many for PNG, GIF, BMP and progressive JPEG, a
            quarter for WebP, AVIF and progressive CMYK.
        places: what may be decoded at a time; a picture that needs more than all of them is too large.
    Returns: uint8[height, width, 3], RGB.
    Raises: NotAPicture, UndecodablePicture, PictureTooLarge.
    """
    header = _read(data)
    needed = places.needed(header.weight)
    if header.weight > max_pixels or needed > places.count or max(header.width, header.height) > _MAX_SIDE:
        size = f"{header.width} x {header.height}"
        raise PictureTooLarge(f"The picture has {size} pixels, more than are accepted of a {header.format} file.")
    with places.taken(needed):
        try:
            with Image.open(io.BytesIO(header.data), formats=[header.format]) as image:
                return _decode(image, header, height, width)
        except MemoryError:
            raise PictureTooLarge("The picture needs more memory than there is.") from None
        except Exception as error:  # a hostile file makes Pillow raise nearly anything
            raise UndecodablePicture("The picture is broken or cut short.") from error


def _read(data: bytes) -> Header:
    """Read what the file says of itself."""
    try:
        header = formats.read(data)
    except Broken as error:
        raise UndecodablePicture(str(error)) from error
    if header is None or header.format not in FORMATS:
        raise NotAPicture("This is not a JPEG, PNG, WebP, GIF, BMP or AVIF picture.")
    if min(header.width, header.height) < 1:
        raise UndecodablePicture("The picture has no pixels.")
    return header


def _decode(image: Image.Image, header: Header, height: int, width: int) -> npt.NDArray[np.uint8]:
    """Return uint8[height, width, 3] of an opened picture; raise whatever Pillow raises."""
    if image.width * image.height > header.width * header.height:
        raise Broken("The picture says two different sizes of itself.")
    orientation, profile = header.orientation, header.profile
    if isinstance(image, AvifImagePlugin.AvifImageFile):
        orientation = image.getexif().get(_ORIENTATION_TAG, 1)  # Pillow tells irot and imir so
        profile = image.info.get("icc_profile", b"")
    if orientation >= _FIRST_SIDEWAYS:
        height, width = width, height
    image.draft(image.mode, (_GAP * width, _GAP * height))  # never below that size; only JPEG can
    image.load()
    factor = max(1, image.width // (_GAP * width)), max(1, image.height // (_GAP * height))
    box = (0, 0, image.width / factor[0], image.height / factor[1])
    reduced = _reduce(image, factor)
    if profile:
        grey = image.mode[0] in _GREY
        reduced = Image.fromarray(to_srgb(np.array(reduced), profile, grey=grey))
    resized = reduced.resize((width, height), Image.Resampling.BICUBIC, box=box)
    if orientation in _UPRIGHT:
        resized = resized.transpose(_UPRIGHT[orientation])
    return np.array(resized)


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
    rgba = band if band.mode == "RGBA" else band.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
