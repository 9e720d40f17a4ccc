"""Tell by its first bytes whether something may be a picture, before the rest of it is fetched."""

FIRST_BYTES = 12  # as many as it takes to tell

_BEGINNINGS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"BM")
_AVIF_BRANDS = (b"avif", b"avis", b"mif1", b"msf1")


def may_be_picture(first: bytes | bytearray) -> bool:
    """Tell whether bytes begin as one of the accepted formats does: JPEG, PNG, WebP, GIF, BMP, AVIF."""
    return (
        first.startswith(_BEGINNINGS)
        or (first.startswith(b"RIFF") and first[8:12] == b"WEBP")
        or (first[4:8] == b"ftyp" and bytes(first[8:12]) in _AVIF_BRANDS)
    )
