"""Odd but valid pictures, each with the plain picture that it shows.

Each is what some camera, telephone, editor or converter writes, or what a standard allows and few programs use. A long
file, because it is a list, format by format.
"""

import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageCms

from tests.hostile.pictures import files
from tests.hostile.pictures.files import encode

Odd = tuple[str, bytes, Image.Image]

_UNDO = {
    1: lambda image: image,
    2: lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    3: lambda image: image.transpose(Image.Transpose.ROTATE_180),
    4: lambda image: image.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
    5: lambda image: image.transpose(Image.Transpose.TRANSPOSE),
    6: lambda image: image.transpose(Image.Transpose.ROTATE_90),
    7: lambda image: image.transpose(Image.Transpose.TRANSVERSE),
    8: lambda image: image.transpose(Image.Transpose.ROTATE_270),
}
_XMP = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description tiff:Orientation="{}"/></rdf:RDF></x:xmpmeta>'
_FINE = {"JPEG": {"quality": 97, "subsampling": 0}, "WEBP": {"quality": 97}, "AVIF": {"quality": 97}, "PNG": {}}


def all_of(photo: Image.Image) -> Iterator[Odd]:
    """Make every odd picture of a photograph (RGB)."""
    yield from turned(photo)
    yield from jpegs(photo)
    yield from pngs(photo)
    yield from gifs(photo)
    yield from bmps(photo)
    yield from webps(photo)
    yield from avifs(photo)
    yield from wide(photo)


def exif(orientation: int) -> Image.Exif:
    """Make EXIF that holds an orientation."""
    made = Image.Exif()
    made[0x0112] = orientation
    return made


def turned(photo: Image.Image) -> Iterator[Odd]:
    """Store a picture turned or mirrored, as the camera was held."""
    for file_format in ("JPEG", "PNG", "WEBP", "AVIF"):
        for orientation in range(1, 9):
            stored = _UNDO[orientation](photo)
            data = encode(stored, file_format, exif=exif(orientation), **_FINE[file_format])
            yield f"{file_format} EXIF {orientation}", data, photo
    stored = _UNDO[6](photo)
    plain = encode(stored, "JPEG", **_FINE["JPEG"])
    big_endian = b"Exif\0\0" + files.orientation_tiff(6, ">")
    yield "JPEG EXIF big-endian", files.with_segments(plain, files.segment(0xE1, big_endian)), photo
    halves = b"Exif\0\0" + big_endian[6:20], b"Exif\0\0" + big_endian[20:]
    yield "JPEG EXIF in two segments", files.with_segments(plain, *(files.segment(0xE1, one) for one in halves)), photo
    packet = b"http://ns.adobe.com/xap/1.0/\0" + _XMP.format(6).encode()
    yield "JPEG XMP orientation", files.with_segments(plain, files.segment(0xE1, packet)), photo
    array = np.asarray(stored).astype(np.uint16)
    behind = files.chunk(b"eXIf", files.orientation_tiff(6))
    yield "PNG EXIF behind the pixels", files.png(array, 8, files.RGB, after=behind), photo
    text = b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(_XMP.format(6).encode())
    yield "PNG XMP orientation", files.png(array, 8, files.RGB, before=files.chunk(b"iTXt", text)), photo
    digits = b"\nexif\n      26\n" + files.orientation_tiff(6).hex().encode()
    raw = b"Raw profile type exif\0\0" + zlib.compress(digits)
    yield "PNG EXIF as ImageMagick writes it", files.png(array, 8, files.RGB, before=files.chunk(b"zTXt", raw)), photo


def jpegs(photo: Image.Image) -> Iterator[Odd]:
    """Write JPEGs as cameras, telephones and printers' programs do."""
    plain = encode(photo, "JPEG", **_FINE["JPEG"])
    grey = photo.convert("L")
    yield "JPEG progressive", encode(photo, "JPEG", progressive=True, **_FINE["JPEG"]), photo
    yield "JPEG 4:2:2", encode(photo, "JPEG", quality=97, subsampling=1), photo
    yield "JPEG 4:2:0", encode(photo, "JPEG", quality=97, subsampling=2), photo
    yield "JPEG grey", encode(grey, "JPEG", quality=97), grey.convert("RGB")
    yield "JPEG grey progressive", encode(grey, "JPEG", quality=97, progressive=True), grey.convert("RGB")
    yield "JPEG in RGB", encode(photo, "JPEG", keep_rgb=True, **_FINE["JPEG"]), photo
    yield "JPEG restart markers", encode(photo, "JPEG", restart_marker_blocks=4, **_FINE["JPEG"]), photo
    yield "JPEG with two pictures", encode(photo, "MPO", save_all=True, append_images=[grey], **_FINE["JPEG"]), photo
    comment = files.segment(0xFE, b"drawn by hand " * 4000)
    yield "JPEG long comment", files.with_segments(plain, comment), photo
    yield "JPEG fill bytes", plain[:2] + b"\xff" * 999 + plain[2:], photo
    yield "JPEG with a film behind it", plain + b"\0\0\0\x18ftypmp42" + b"\xff\xda" * 500, photo
    yield "JPEG with a thumbnail", files.with_segments(plain, files.segment(0xE1, _with_thumbnail(grey))), photo
    ink = _to_ink(photo)
    cmyk = encode(ink, "JPEG", quality=97)
    yield "JPEG CMYK, inverted as Adobe does", cmyk, photo
    yield "JPEG CMYK progressive", encode(ink, "JPEG", quality=97, progressive=True), photo
    marker = cmyk.index(b"\xff\xeeX\0"[:2])
    yield "JPEG CMYK without Adobe's marker", cmyk[:marker] + cmyk[marker + 16 :], photo
    yield "JPEG YCCK", _ycck(ink), photo
    for name, profile in profiles().items():
        yield f"JPEG {name}", encode(photo, "JPEG", icc_profile=profile, **_FINE["JPEG"]), photo


def profiles() -> dict[str, bytes]:
    """Give colour profiles that say little or nothing true about the pixels."""
    standard = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    return {"sRGB profile": standard, "profile of another kind": lab, "profile of noise": bytes(range(256)) * 900}


def wide(photo: Image.Image) -> Iterator[Odd]:
    """Store a picture in other colours than sRGB, with the profile that says which."""
    standard = ImageCms.createProfile("sRGB")
    for name, profile in colour_spaces().items():
        meant = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        stored = ImageCms.profileToProfile(photo, standard, meant, outputMode="RGB")
        for file_format in ("PNG", "JPEG", "WEBP", "AVIF"):
            yield (
                f"{file_format} in {name}",
                encode(stored, file_format, icc_profile=profile, **_FINE[file_format]),
                photo,
            )
    grey = photo.convert("L")
    light = Image.fromarray((np.linspace(0, 1, 256) ** (2.2 / 1.4))[np.asarray(grey)])
    stored = Image.fromarray(np.round(255 * np.asarray(light)).astype(np.uint8))
    profile = files.profile({b"kTRC": files.gamma(1.4)}, b"GRAY")
    yield "PNG grey by a curve of its own", encode(stored, icc_profile=profile), grey.convert("RGB")


def colour_spaces() -> dict[str, bytes]:
    """Give profiles of cameras, screens and editors, and one that has red and blue change places."""
    day, dawn, curve = (0.3127, 0.3290), (0.3457, 0.3585), files.gamma(2.2)
    return {
        "Display P3": files.rgb_profile([(0.68, 0.32), (0.265, 0.69), (0.15, 0.06)], day, curve),
        "Adobe RGB": files.rgb_profile([(0.64, 0.33), (0.21, 0.71), (0.15, 0.06)], day, curve),
        "ProPhoto RGB": files.rgb_profile(
            [(0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001)], dawn, files.gamma(1.8)
        ),
        "BGR": files.rgb_profile([(0.15, 0.06), (0.3, 0.6), (0.64, 0.33)], day, curve),
    }


def _with_thumbnail(grey: Image.Image) -> bytes:
    small = encode(grey.resize((32, 32)), "JPEG")
    entries = [(0x0201, 4, 1, struct.pack("<L", 38)), (0x0202, 4, 1, struct.pack("<L", len(small)))]
    return b"Exif\0\0" + files.tiff(entries, rest=small)


def _to_ink(photo: Image.Image) -> Image.Image:
    """Separate into cyan, magenta, yellow and black as printers do, so that Pillow gives the colours back."""
    colours = 255 - np.asarray(photo).astype(np.int32)
    black = colours.min(axis=2, keepdims=True) // 2
    ink = (colours - black) * 255 // np.maximum(255 - black, 1)
    return Image.fromarray(np.concatenate([ink, black], axis=2).astype(np.uint8), "CMYK")


def _ycck(ink: Image.Image) -> bytes:
    """Write a JPEG in YCCK: the first three as luminance and two colours."""
    planes = np.asarray(ink)
    first = np.asarray(Image.fromarray(np.ascontiguousarray(planes[:, :, :3])).convert("YCbCr"))
    stored = np.concatenate([255 - first, planes[:, :, 3:]], axis=2)  # Pillow inverts all four
    data = bytearray(encode(Image.fromarray(stored, "CMYK"), "JPEG", quality=97, subsampling=0))
    data[data.index(b"Adobe") + 11] = 2  # the transform that was made here
    return bytes(data)


def pngs(photo: Image.Image) -> Iterator[Odd]:
    """Write PNGs of every depth and kind of colour."""
    rgb = np.asarray(photo).astype(np.uint16)
    grey = np.asarray(photo.convert("L")).astype(np.uint16)[:, :, None]
    alpha = np.full_like(grey, 255)
    alpha[: len(alpha) // 2] = 128
    for interlaced, word in ((False, ""), (True, " interlaced")):
        for depth in (1, 2, 4):
            levels = 2**depth - 1
            few = (grey * levels + 127) // 255
            shown = Image.fromarray((few * 255 // levels).astype(np.uint8)[:, :, 0]).convert("RGB")
            yield f"PNG grey of {depth} bits{word}", files.png(few, depth, files.GREY, interlaced=interlaced), shown
        shown = Image.fromarray(grey[:, :, 0].astype(np.uint8)).convert("RGB")
        wide = grey * 257
        yield f"PNG grey of 16 bits{word}", files.png(wide, 16, files.GREY, interlaced=interlaced), shown
        yield f"PNG RGB of 16 bits{word}", files.png(rgb * 257, 16, files.RGB, interlaced=interlaced), photo
        yield f"PNG RGB{word}", files.png(rgb, 8, files.RGB, interlaced=interlaced), photo
        for depth in (2, 4, 8):
            indexed, colours = _indexed(photo, 2**depth)
            palette = files.chunk(b"PLTE", colours.tobytes())
            data = files.png(indexed[:, :, None], depth, files.PALETTE, interlaced=interlaced, before=palette)
            yield f"PNG palette of {depth} bits{word}", data, Image.fromarray(colours[indexed])
    for name, samples, kind in (("RGB", rgb, files.RGBA), ("grey", grey, files.GREY_ALPHA)):
        shown = _over_white(np.broadcast_to(samples, rgb.shape), alpha)
        both = np.concatenate([samples, alpha], axis=2)
        yield f"PNG {name} with alpha", files.png(both, 8, kind), shown
        yield f"PNG {name} with alpha of 16 bits", files.png(both * 257, 16, kind), shown
        opaque = np.concatenate([samples, np.full_like(alpha, 255)], axis=2)
        shown = Image.fromarray(np.broadcast_to(samples, rgb.shape).astype(np.uint8))
        yield f"PNG {name} with an alpha that hides nothing", files.png(opaque, 8, kind), shown
    yield from _oddly_transparent(photo, rgb)
    frames = [photo, Image.new("RGB", photo.size, "red")]
    yield "PNG animated", encode(frames[0], save_all=True, append_images=frames[1:], duration=100), photo
    hidden = encode(frames[1], save_all=True, append_images=frames, default_image=True, duration=100)
    yield "PNG animated, with a still picture of its own", hidden, frames[1]
    yield "PNG in small pieces", files.png(rgb, 8, files.RGB, piece=999), photo
    for name, profile in profiles().items():
        yield f"PNG {name}", encode(photo, icc_profile=profile), photo
    lines = files.chunk(b"gAMA", struct.pack(">L", 45455)) + files.chunk(b"pHYs", struct.pack(">LLB", 1, 999, 0))
    yield "PNG with gamma and flat pixels", files.png(rgb, 8, files.RGB, before=lines), photo
    words = [b"interlace\x001", b"transparency\0x", b"bbox\0x", b"exif\0Exif", b"icc_profile\0x"]
    texts = b"".join(files.chunk(b"tEXt", word) for word in words)
    yield "PNG with notes named like Pillow's own", files.png(rgb, 8, files.RGB, before=texts), photo


def _oddly_transparent(photo: Image.Image, rgb: np.ndarray) -> Iterator[Odd]:
    indexed, colours = _indexed(photo, 256)
    palette = files.chunk(b"PLTE", colours.tobytes())
    shown = colours.copy()
    shown[7] = 255
    one = palette + files.chunk(b"tRNS", b"\xff" * 7 + b"\0")
    data = files.png(indexed[:, :, None], 8, files.PALETTE, before=one)
    yield "PNG palette with one transparent colour", data, Image.fromarray(shown[indexed])
    alphas = (np.arange(256) % 4 * 85).astype(np.uint8)
    many = palette + files.chunk(b"tRNS", alphas.tobytes())
    shown = np.asarray(_over_white(colours[None], alphas[None, :, None]))[0]
    data = files.png(indexed[:, :, None], 8, files.PALETTE, before=many)
    yield "PNG palette with many alphas", data, Image.fromarray(shown[indexed])
    colour = rgb[0, 0]
    hole = (rgb == colour).all(axis=2)
    shown = np.where(hole[:, :, None], 255, rgb).astype(np.uint8)
    trns = files.chunk(b"tRNS", struct.pack(">HHH", *(int(value) for value in colour)))
    yield "PNG RGB with a transparent colour", files.png(rgb, 8, files.RGB, before=trns), Image.fromarray(shown)


def _indexed(photo: Image.Image, colours: int) -> tuple[np.ndarray, np.ndarray]:
    """Give a picture as uint8[H, W] indices and uint8[K, 3] colours."""
    quantized = photo.quantize(colours)
    palette = np.zeros((colours, 3), np.uint8)
    listed = np.array(quantized.getpalette()[: 3 * colours], np.uint8).reshape(-1, 3)
    palette[: len(listed)] = listed
    return np.asarray(quantized), palette


def _over_white(samples: np.ndarray, alpha: np.ndarray) -> Image.Image:
    share = alpha.astype(np.float64) / 255
    return Image.fromarray(np.round(samples * share + 255 * (1 - share)).astype(np.uint8))


def gifs(photo: Image.Image) -> Iterator[Odd]:
    """Write GIFs."""
    indexed = photo.quantize(256)
    shown = indexed.convert("RGB")
    grey = photo.convert("L")
    red = Image.new("RGB", photo.size, "red").quantize(4)
    yield "GIF", encode(indexed, "GIF", interlace=0), shown
    yield "GIF interlaced", encode(indexed, "GIF", interlace=1), shown
    yield "GIF of 1987", encode(indexed, "GIF").replace(b"GIF89a", b"GIF87a", 1), shown
    yield "GIF grey", encode(grey, "GIF"), grey.convert("RGB")
    yield "GIF of two colours", encode(photo.convert("1"), "GIF"), photo.convert("1").convert("RGB")
    animated = {"save_all": True, "append_images": [red, indexed], "duration": 50, "loop": 0, "optimize": False}
    for disposal in (0, 1, 2, 3):
        data = encode(indexed, "GIF", disposal=disposal, **animated)
        yield f"GIF animated, disposal {disposal}", data, shown
    colours = np.array(indexed.getpalette(), np.uint8).reshape(-1, 3)
    hole = colours.copy()
    hole[9] = 255
    data = encode(indexed, "GIF", transparency=9, optimize=False)
    yield "GIF with a transparent colour", data, Image.fromarray(hole[np.asarray(indexed)])
    yield "GIF with comments", encode(indexed, "GIF", comment=b"drawn by hand " * 4000), shown
    yield "GIF with something behind it", encode(indexed, "GIF") + b"\0" * 5000, shown


def bmps(photo: Image.Image) -> Iterator[Odd]:
    """Write BMPs of old and new kinds."""
    width, height = photo.size
    rgb = np.asarray(photo)
    indexed, colours = _indexed(photo, 256)
    palette = np.concatenate([colours[:, ::-1], np.zeros((256, 1), np.uint8)], axis=1).tobytes()
    shown = Image.fromarray(colours[indexed])
    pad = -width % 4
    rows = np.pad(indexed, ((0, 0), (0, pad)))[::-1].tobytes()
    yield "BMP", encode(photo, "BMP"), photo
    yield "BMP of two colours", encode(photo.convert("1"), "BMP"), photo.convert("1").convert("RGB")
    yield "BMP grey", encode(photo.convert("L"), "BMP"), photo.convert("L").convert("RGB")
    yield "BMP palette", files.bmp(rows, width, height, 8, extra=palette), shown
    triples = colours[:, ::-1].tobytes()
    yield "BMP of OS/2", files.bmp(rows, width, height, 8, extra=triples, head=12), shown
    lines = [row.tobytes() for row in indexed]
    yield "BMP run-length coded", files.bmp(files.rle8(lines), width, height, 8, coding=1, extra=palette), shown
    quads = np.concatenate([rgb[:, :, ::-1], np.zeros((height, width, 1), np.uint8)], axis=2)
    yield "BMP of 32 bits", files.bmp(quads[::-1].tobytes(), width, height, 32), photo
    yield "BMP top first", files.bmp(quads.tobytes(), width, -height, 32), photo
    five = (rgb >> 3).astype(np.uint16)
    words = five[:, :, 0] << 10 | five[:, :, 1] << 5 | five[:, :, 2]
    words = np.pad(words, ((0, 0), (0, width % 2))).astype("<u2")[::-1].tobytes()
    scaled = Image.fromarray((five * 255 // 31).astype(np.uint8))
    yield "BMP of 16 bits", files.bmp(words, width, height, 16), scaled
    alpha = photo.convert("RGBA")
    alpha.putalpha(Image.linear_gradient("L").resize(photo.size))
    share = np.asarray(alpha)[:, :, 3:]
    yield "BMP of 32 bits, the last eight of no meaning", encode(alpha, "BMP"), photo
    quads = np.concatenate([rgb[:, :, ::-1], share], axis=2)[::-1].tobytes()
    masks = struct.pack("<4L", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    data = files.bmp(quads, width, height, 32, coding=3, extra=masks, head=56)
    yield "BMP with alpha", data, _over_white(rgb, share)


def webps(photo: Image.Image) -> Iterator[Odd]:
    """Write WebPs."""
    alpha = photo.convert("RGBA")
    alpha.putalpha(Image.linear_gradient("L").resize(photo.size))
    shown = _over_white(np.asarray(photo), np.asarray(alpha)[:, :, 3:])
    red = Image.new("RGB", photo.size, "red")
    yield "WebP lossy", encode(photo, "WEBP", quality=97), photo
    yield "WebP lossless", encode(photo, "WEBP", lossless=True), photo
    yield "WebP lossy with alpha", encode(alpha, "WEBP", quality=97), shown
    yield "WebP lossless with alpha", encode(alpha, "WEBP", lossless=True, exact=True), shown
    yield "WebP animated", encode(photo, "WEBP", save_all=True, append_images=[red], lossless=True), photo
    for name, profile in profiles().items():
        yield f"WebP {name}", encode(photo, "WEBP", icc_profile=profile, lossless=True), photo
    stored = _UNDO[6](photo)
    yield "WebP XMP orientation", encode(stored, "WEBP", xmp=_XMP.format(6).encode(), lossless=True), photo
    plain = files.riff_chunks(encode(photo, "WEBP", icc_profile=b"x", lossless=True))
    yield "WebP with chunks of its own", files.riff(*plain, (b"NOTE", b"by hand")), photo


def avifs(photo: Image.Image) -> Iterator[Odd]:
    """Write AVIFs."""
    even = photo.resize((256, 256))
    alpha = photo.convert("RGBA")
    alpha.putalpha(Image.linear_gradient("L").resize(photo.size))
    shown = _over_white(np.asarray(photo), np.asarray(alpha)[:, :, 3:])
    grey = photo.convert("L")
    red = Image.new("RGB", photo.size, "red")
    for sampling in ("4:2:0", "4:2:2", "4:4:4"):
        yield f"AVIF {sampling}", encode(photo, "AVIF", quality=97, subsampling=sampling), photo
    yield "AVIF grey", encode(grey, "AVIF", quality=97), grey.convert("RGB")
    yield "AVIF with alpha", encode(alpha, "AVIF", quality=97), shown
    yield "AVIF limited range", encode(photo, "AVIF", quality=97, range="limited"), photo
    yield "AVIF animated", encode(photo, "AVIF", quality=97, save_all=True, append_images=[red]), photo
    for name, profile in list(profiles().items())[:1]:
        yield f"AVIF {name}", encode(photo, "AVIF", quality=97, icc_profile=profile), photo
    tile = encode(even, "AVIF", quality=97, subsampling="4:4:4")
    tiles = Image.new("RGB", (512, 512))
    for corner in ((0, 0), (256, 0), (0, 256), (256, 256)):
        tiles.paste(even, corner)
    yield "AVIF of four tiles", files.grid(tile, 2, 2, 256), tiles
