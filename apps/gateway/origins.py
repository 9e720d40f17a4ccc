"""Read GATEWAY_CORS_ORIGINS: the sites whose pages may ask.

Imports little: the settings are read in the server's parent process too.
"""

import re

ANY = "*"
_ORIGIN = re.compile(r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")


def read_origins(text: str) -> tuple[str, ...]:
    """Read origins, separated by commas, as a browser writes them; or `*` alone. Raises: ValueError."""
    origins = tuple(part.strip() for part in text.split(",") if part.strip())
    if origins != (ANY,):
        for origin in origins:
            if not is_origin(origin):
                raise ValueError(f"{origin!r} is no origin such as https://shop.example.org, and * stands alone")
    return origins


def is_origin(text: str) -> bool:
    """Say whether a text is an origin as a browser writes it: scheme, host and port, nothing more."""
    return _ORIGIN.fullmatch(text) is not None
