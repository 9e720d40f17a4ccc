"""One self-contained HTML file: no script, no request, light and dark, for a phone, a screen and paper."""

import base64
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure
from PIL import Image

from training.report import plots

_TEMPLATES = Path(__file__).parent
_SCHEME = {plots.INK: "ink", plots.MUTED: "muted", plots.LINE: "line"}
_KINDS = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif", b"RIFF": "image/webp"}
_NUMBER = re.compile(r"-?|[-+]?[\d.,]+( ?(%|ms|s|px|points|to [-+]?[\d.,]+))?")
_ENOUGH_FOR_CONTENTS = 3  # sections from which a list of them helps

Fact = tuple[str, Any, str]
Picture = bytes | np.ndarray


@dataclass
class _Block:
    """A part of a section: its kind names the macro of the template that writes it."""

    kind: str
    content: Any


@dataclass
class _Section:
    title: str
    text: str
    anchor: str = ""
    blocks: list[_Block] = field(default_factory=list)


class Page:
    """A report under construction; its methods add to the newest section, in reading order.

    Everything given as text is escaped. The only markup taken over is what matplotlib draws.
    """

    def __init__(self, title: str, subtitle: str = "") -> None:
        self._title = title
        self._subtitle = subtitle
        self._sections = [_Section("", "")]
        self._figures = 0

    def facts(self, facts: Sequence[Fact]) -> "Page":
        """Add big numbers: (name, value, note) each."""
        return self._add("facts", [tuple(fact) for fact in facts])

    def warning(self, text: str) -> "Page":
        """Add a sentence that nobody may overlook."""
        return self._add("warning", text)

    def paragraph(self, text: str) -> "Page":
        """Add a paragraph."""
        return self._add("paragraph", text)

    def section(self, title: str, text: str = "") -> "Page":
        """Begin a section; `text` says what it shows and how to read it."""
        name = re.sub(r"\W+", "-", title.casefold()).strip("-")
        self._sections.append(_Section(title, text, f"s{len(self._sections)}-{name}"))
        return self

    def figure(self, figure: Figure, caption: str, alt: str) -> "Page":
        """Add a figure as inline SVG; figures in a row share a grid.

        Args:
            figure: drawn by `plots`, or by hand within `plots.style`.
            caption: printed beneath it.
            alt: what it shows, for those who do not see it.
        """
        self._figures += 1
        content = {"svg": Markup(_svg(figure, f"f{self._figures}-")), "caption": caption, "alt": alt}  # noqa: S704 - ours
        blocks = self._sections[-1].blocks
        if blocks and blocks[-1].kind == "figures":
            blocks[-1].content.append(content)
            return self
        return self._add("figures", [content])

    def table(self, head: Sequence[str], rows: Sequence[Sequence[Any]], caption: str = "") -> "Page":
        """Add a table; a row's first cell is its name. A wide one scrolls inside its own box.

        Columns of numbers, also with a unit or as a range, are flush right; columns of words flush left.
        """
        cells = [[str(cell) for cell in row] for row in rows]
        words = [any(not _NUMBER.fullmatch(row[place]) for row in cells) for place in range(len(head))]
        text = [Markup(' class="words"') if one else "" for one in words]
        return self._add("table", {"head": list(head), "rows": cells, "caption": caption, "text": text})

    def pictures(self, pictures: Sequence[tuple[Picture, str]], caption: str = "", size: int = 132) -> "Page":
        """Add small pictures: encoded files or uint8[H, W, 3] or uint8[H, W] arrays, with a caption each.

        Args:
            pictures: (picture, caption) each.
            caption: of all of them.
            size: width in pixels at which each is shown.
        """
        shown = [(_data_uri(picture), text) for picture, text in pictures]
        return self._add("pictures", {"pictures": shown, "caption": caption, "size": size})

    def html(self) -> str:
        """Write the page as text."""
        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_TEMPLATES),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        named = [section for section in self._sections if section.title]
        return environment.get_template("page.html").render(
            title=self._title,
            subtitle=self._subtitle,
            sections=[section for section in self._sections if section.title or section.blocks],
            contents=named if len(named) >= _ENOUGH_FOR_CONTENTS else [],
        )

    def write(self, path: Path) -> Path:
        """Write the page to a file, which appears whole or not at all; return the file.

        Raises: OSError where the folder cannot be made or written to.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.partial")
        partial.write_text(self.html(), encoding="utf-8")
        return partial.replace(path)

    def _add(self, kind: str, content: Any) -> "Page":
        self._sections[-1].blocks.append(_Block(kind, content))
        return self


def _svg(figure: Figure, prefix: str) -> str:
    """Draw a figure as an <svg> element whose text is text and whose inks follow the page's scheme."""
    target = io.StringIO()
    with plots.style():
        figure.savefig(target, format="svg")
    svg = target.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)  # its date would change every page
    # A page holds many figures, and matplotlib numbers the parts of each from one.
    svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{prefix}", svg)
    svg = re.sub(r'(<svg[^>]*?) (?:width|height)="[^"]*"( [^>]*?)? (?:height|width)="[^"]*"', r"\1\2", svg, count=1)
    for colour, name in _SCHEME.items():
        svg = svg.replace(colour, f"var(--{name})")
    return svg


def _data_uri(picture: Picture) -> str:
    if isinstance(picture, bytes):
        kind = next((kind for start, kind in _KINDS.items() if picture.startswith(start)), None)
        if kind is None:
            raise ValueError("a picture of a report is PNG, JPEG, GIF or WebP")
        data = picture
    else:
        buffer = io.BytesIO()
        # PNG keeps small pictures exact; photographs shrink to a third as JPEG.
        small = picture.shape[0] * picture.shape[1] <= 64 * 64
        image = Image.fromarray(picture)
        image.save(buffer, "PNG", optimize=True) if small else image.save(buffer, "JPEG", quality=85)
        data, kind = buffer.getvalue(), "image/png" if small else "image/jpeg"
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
