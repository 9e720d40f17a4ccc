"""Change one entry of `images:` in the text of a kustomization and leave every other character as it is.

`kustomize edit set image` writes the whole file anew: it sorts the images and loses or moves the comments among them.
So its result says what the entry has to be, and here that is written into the person's text.
"""

from collections.abc import Mapping
from typing import Any

import yaml

Edit = tuple[int, int, str]  # from, to, what stands there then


def with_image(text: str, entry: Mapping[str, str]) -> str | None:
    """Put an entry into the images of a kustomization.

    Args:
        text: the kustomization.
        entry: `name` and what else the entry shall have: newName, newTag, digest.
    Returns: the new text, or None where the images are written in a way that is not handled (anchors, a flow list).
    """
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode):
        return None
    images = next((value for key, value in root.value if key.value == "images"), None)
    if images is None:
        # At the end, before a document's end mark there is none in practice.
        return text.rstrip("\n") + "\nimages:\n" + _block(entry, 2)
    if not isinstance(images, yaml.SequenceNode) or images.flow_style or not images.value:
        return None
    found = [node for node in images.value if _of(node, "name") == entry["name"]]
    if not found:
        return _apply(text, [_after_line(text, _last(images.value[-1]), _block(entry, images.start_mark.column))])
    if len(found) > 1 or found[0].flow_style:
        return None
    return _apply(text, _edits(text, found[0].value, entry))


def _edits(text: str, pairs: list[tuple[Any, Any]], entry: Mapping[str, str]) -> list[Edit]:
    have = {key.value: (key, value) for key, value in pairs}
    gone = [name for name in have if name not in entry]
    new = [name for name in entry if name not in have]
    edits: list[Edit] = []
    for name in have.keys() & entry.keys():
        value = have[name][1]
        if value.value != entry[name]:
            edits.append((value.start_mark.index, value.end_mark.index, _scalar(entry[name])))
    # A digest takes the place of a tag and the other way round, with the comment beside it.
    while gone and new:
        (key, value), name = have[gone.pop(0)], new.pop(0)
        edits.append((key.start_mark.index, value.end_mark.index, f"{name}: {_scalar(entry[name])}"))
    for name in gone:
        at = list(have).index(name)
        key, value = have[name]
        if at + 1 < len(pairs):
            edits.append((key.start_mark.index, pairs[at + 1][0].start_mark.index, ""))
        else:
            start = text.rindex("\n", 0, key.start_mark.index)
            edits.append((start, _line_end(text, value.end_mark.index), ""))
    if new:
        key, value = have["name"]
        lines = "".join(f"{' ' * key.start_mark.column}{name}: {_scalar(entry[name])}\n" for name in new)
        edits.append(_after_line(text, value, lines))
    return edits


def _apply(text: str, edits: list[Edit]) -> str:
    for start, end, put in sorted(edits, reverse=True):
        text = text[:start] + put + text[end:]
    return text


def _after_line(text: str, node: Any, lines: str) -> Edit:
    end = _line_end(text, node.end_mark.index)
    return end, end, "\n" + lines.rstrip("\n")


def _line_end(text: str, index: int) -> int:
    end = text.find("\n", index)
    return len(text) if end < 0 else end


def _last(node: Any) -> Any:
    """Give the last scalar of an entry: the end of a block is only known from there."""
    return node if node.flow_style or not node.value else node.value[-1][1]


def _of(node: Any, name: str) -> str | None:
    return next((value.value for key, value in node.value if key.value == name), None)


def _block(entry: Mapping[str, str], column: int) -> str:
    lines = [f"{name}: {_scalar(value)}" for name, value in entry.items()]
    return "".join(f"{' ' * column}{'- ' if not at else '  '}{line}\n" for at, line in enumerate(lines))


def _scalar(text: str) -> str:
    """Write a string so that it stays one: a tag like 1.10 or 1e3 is quoted."""
    written: str = yaml.safe_dump(text, width=10_000)
    return written.removesuffix("...\n").rstrip("\n").replace("'", '"') if "\\" not in text else f'"{text}"'
