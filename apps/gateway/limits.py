"""The limits that a caller meets, as `/v1/models` and `/openapi.json` state them."""

from PIL import Image

from gateway import json_body
from gateway.inputs import SPARE_FORM_PARTS
from gateway.messages import Limits
from gateway.pictures import FORMATS
from gateway.settings import Settings
from gateway.urls import MAX_LENGTH


def media_types() -> list[str]:
    """List the media types of pictures that are accepted."""
    return [Image.MIME[name] for name in FORMATS]


def limits_of(settings: Settings) -> Limits:
    """Sum the limits of a gateway up."""
    return {
        "media_types": media_types(),
        "max_body_bytes": settings.max_body_bytes,
        "max_image_bytes": settings.max_image_bytes,
        "max_pixels": settings.max_pixels,
        "max_instances": settings.max_instances,
        "max_url_length": MAX_LENGTH,
        "max_form_parts": settings.max_instances + SPARE_FORM_PARTS,
        "max_json_depth": json_body.MAX_DEPTH,
        "max_json_values": json_body.MAX_VALUES,
        "timeout_s": settings.timeout_s,
        "fetch_timeout_s": settings.fetch_timeout_s,
    }
