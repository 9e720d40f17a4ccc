"""The report on a data set: what is in it, before anything is trained on it."""

import io
from collections import Counter
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from gateway.pictures import to_tensor
from training import data
from training.data.audit import Audit
from training.data.facts import Facts
from training.data.findings import ACTIONS, KINDS
from training.data.suspicions import suspicions
from training.report import plots
from training.report.page import Page

_SAMPLES, _SAMPLE_PX = 9, 96  # a class: three rows on a phone
_MEAN_PX = 96
_SHOWN, _LISTED = 12, 200  # pictures a reason, and findings, before the rest is only counted
_BARS = 20  # classes that one figure has room for
_CLASSES_WITH_SAMPLES = 40
_PAIRS = ("near-duplicate-in-two-classes", "near-duplicate-across-splits", "near-duplicate", "two-classes")


def exploration(audit: Audit, refusal: str = "") -> Page:
    """Describe a data set that was audited.

    Args:
        audit: what was found; its files are opened again for the samples.
        refusal: why the data set cannot be trained on, empty if it can.
    """
    return _Exploration(audit).page(refusal)


class _Exploration:
    """The page's sections, each from the same few arrays, one row a picture that is used."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit
        self._labels = audit.labels
        by_hash = {facts.sha256: facts for facts in audit.facts.values()}
        self._facts = [by_hash[e.sha256] for e in audit.examples]
        self._classes = np.array([e.label for e in audit.examples], int)
        self._sides = np.array([(f.width, f.height) for f in self._facts], float).reshape(-1, 2)
        self._thumbnails = np.array([f.thumbnail for f in self._facts], np.uint8).reshape(-1, 32, 32, 3)
        base = audit.source if audit.source.is_dir() else audit.source.parent
        self._paths = {name: base / name for name in audit.facts}

    def page(self, refusal: str) -> Page:
        page = Page(f"Data: {self._audit.source.name}", f"{self._audit.source}, as training would use it")
        self._facts_first(page)
        if refusal:
            page.warning(refusal)
        if self._facts:
            self._classes_and_splits(page)
            self._samples(page)
            self._sizes(page)
            self._colours(page)
            self._suspicious(page)
        self._copies(page)
        self._findings(page)
        return page

    def _facts_first(self, page: Page) -> None:
        audit = self._audit
        in_class = Counter(self._classes.tolist())
        few = min(range(len(self._labels)), key=lambda c: in_class[c], default=None)
        facts = [
            ("pictures", f"{len(audit.examples):,}", f"of {audit.files:,} files"),
            ("classes", len(self._labels), ""),
        ]
        if few is not None:
            facts.append(("smallest class", f"{in_class[few]:,}", self._labels[few]))
        if self._facts:
            width, height = np.median(self._sides, axis=0)
            facts.append(("median size", f"{width:.0f} x {height:.0f}", "pixels, width x height"))
        left_out = audit.files - len(audit.examples)
        facts.append(("left out", f"{left_out:,}", "files; see Findings" if left_out else "files"))
        page.facts(facts)

    def _classes_and_splits(self, page: Page) -> None:
        counts = data.counts(self._audit.examples, self._labels)
        page.section(
            "Classes and splits",
            "A picture's split follows from its content, so it stays where it is when pictures are added. A class with "
            "many times the pictures of another is answered too often; training can weigh classes.",
        )
        order = sorted(self._labels, key=lambda name: -sum(counts[split][name] for split in data.SPLITS))
        shown = order if len(order) <= _BARS else [*order[: _BARS // 2], *order[-_BARS // 2 :]]
        page.figure(
            plots.bars(shown, {s: [counts[s][name] for name in shown] for s in data.SPLITS}, x="pictures"),
            "Pictures of each class, by split" + ("" if shown == order else "; the largest and the smallest classes"),
            "Bars: " + ", ".join(f"{name} {sum(counts[s][name] for s in data.SPLITS)}" for name in shown),
        )
        rows = [(name, [counts[s][name] for s in data.SPLITS]) for name in self._labels]
        rows.append(("all", [sum(counts[s].values()) for s in data.SPLITS]))
        page.table(["class", "all", *data.SPLITS], [[name, sum(row), *row] for name, row in rows], "Pictures by split")

    def _samples(self, page: Page) -> None:
        page.section("Samples", "Pictures of each class, chosen by their content hash, and so without looking.")
        for label, name in enumerate(self._labels[:_CLASSES_WITH_SAMPLES]):
            rows = np.flatnonzero(self._classes == label)
            chosen = [self._audit.examples[row].path for row in rows[:_SAMPLES]]
            pictures = [(_shrunk(path, self._facts[row]), "") for path, row in zip(chosen, rows, strict=False)]
            page.paragraph(f"{name}: {len(pictures)} of {len(rows):,}")
            page.pictures(pictures, size=_SAMPLE_PX)
        page.section(
            "Mean pictures",
            "All pictures of a class laid over each other. An outline that can be seen is the same place, pose or "
            "background in most pictures: a model may learn that instead of the thing.",
        )
        means = []
        for label, name in enumerate(self._labels[:_CLASSES_WITH_SAMPLES]):
            mean = self._thumbnails[self._classes == label].mean(axis=0).astype(np.uint8)
            enlarged = Image.fromarray(mean).resize((_MEAN_PX, _MEAN_PX), Image.Resampling.BICUBIC)
            means.append((_jpeg(enlarged), name))
        page.pictures(means, size=_MEAN_PX)

    def _sizes(self, page: Page) -> None:
        page.section(
            "Sizes and formats",
            "Models see every picture stretched to one square; enlarging small ones brings no detail, and long ones "
            "are squeezed.",
        )
        width, height = self._sides.T
        sizes = Counter(map(tuple, self._sides.astype(int).tolist()))
        if len(sizes) == 1:
            page.paragraph(f"Every picture is {width[0]:.0f} x {height[0]:.0f} pixels.")
        else:
            page.figure(
                plots.scatter({"": (width, height)}, x="width, pixels", y="height, pixels"),
                f"Width and height of each picture; {len(sizes):,} different sizes",
                f"Widths from {width.min():.0f} to {width.max():.0f}, heights from {height.min():.0f} to "
                f"{height.max():.0f} pixels",
            )
            ratios = np.clip(width / height, 0.25, 4)
            edges = np.geomspace(0.25, 4, 33)
            page.figure(
                _ratios(ratios, edges),
                "Width divided by height: below 1 upright, above 1 lying; beyond 1:4 and 4:1 shown at the edge",
                f"Histogram of aspect ratios, median {np.median(width / height):.2f}",
            )
        kinds = Counter(f.format for f in self._facts)
        rows = [(kind, count, f"{count / len(self._facts):.1%}") for kind, count in kinds.most_common()]
        page.table(["format", "pictures", "share"], rows, "Formats, by the files' content")

    def _colours(self, page: Page) -> None:
        page.section(
            "Colours",
            "Where classes differ in brightness or colour alone, a model may tell them apart by the light they were "
            "taken in. Each line spans the middle 90 % of a class, the thick part its middle half, the dot is the "
            "median.",
        )
        pixels = self._thumbnails.reshape(len(self._thumbnails), -1, 3).astype(np.float32)
        chroma = pixels.max(axis=2) - pixels.min(axis=2)
        for values, what in (
            (pixels.mean(axis=(1, 2)), "brightness"),
            (pixels.mean(axis=2).std(axis=1), "contrast"),
            (chroma.mean(axis=1), "colourfulness"),
        ):
            if not values.any():
                page.paragraph(f"No picture has any {what}.")
                continue
            largest = [label for label, _ in Counter(self._classes.tolist()).most_common(_BARS)]
            by_class = {self._labels[label]: values[self._classes == label] for label in sorted(largest)}
            medians = ", ".join(f"{name} {np.median(part):.0f}" for name, part in by_class.items())
            page.figure(
                _spreads(by_class, f"{what}, 0 to 255"), f"{what.capitalize()} by class", f"{what}: medians {medians}"
            )
        swatches = []
        for label, name in enumerate(self._labels[:_CLASSES_WITH_SAMPLES]):
            colour = pixels[self._classes == label].mean(axis=(0, 1)).astype(np.uint8)
            swatches.append((_jpeg(Image.new("RGB", (64, 40), tuple(colour.tolist()))), name))
        page.pictures(swatches, "Mean colour of each class", size=76)

    def _suspicious(self, page: Page) -> None:
        found = suspicions(self._facts, self._classes)
        page.section(
            "Worth a look",
            "None of these is left out: each may be right, and only people can tell. Those that stand out most first."
            if found
            else "No picture is nearly empty, dark, tiny, drawn out or unlike its class.",
        )
        for one in found:
            pictures = [(self._small(row), _shortened(self._name(row))) for row in one.rows[:_SHOWN]]
            more = f", the first {_SHOWN} of them" if len(one.rows) > _SHOWN else ""
            page.paragraph(f"{one.reason}: {len(one.rows):,}{more}")
            page.pictures(pictures, size=_SAMPLE_PX)
        names = [(self._name(row), one.reason) for one in found for row in one.rows[:_SHOWN]]
        if any(_shortened(name) != name for name, _ in names):
            page.table(["file", "why"], names, "Their full names")

    def _copies(self, page: Page) -> None:
        found = [f for kind in _PAIRS for f in self._audit.findings if f.kind == kind]
        exact = sum(f.kind == "duplicate" for f in self._audit.findings)
        page.section(
            "Copies",
            f"Exact copies: {exact:,}, left out. Groups that show the same in other bytes, size or light, or mirrored: "
            f"{len(found):,}. Of a group in several splits only the pictures in the highest one stay (train, "
            "validation, test), so that nothing which is judged was also learnt.",
        )
        for kind in _PAIRS:
            for number, finding in enumerate(f for f in found if f.kind == kind):
                if number == 0:
                    page.paragraph(f"{KINDS[kind]}: {sum(f.kind == kind for f in found):,}")
                if number < _SHOWN:
                    names = [*finding.files, *finding.beside][:_SAMPLES]
                    shown = [(_shrunk(self._paths[name], self._audit.facts[name]), _shortened(name)) for name in names]
                    page.pictures(shown, size=_SAMPLE_PX)

    def _findings(self, page: Page) -> None:
        findings = self._audit.findings
        page.section("Findings", "" if findings else "Nothing suspicious was found.")
        for action in ACTIONS:
            for kind, title in KINDS.items():
                notes = [f.note for f in findings if (f.kind, f.action) == (kind, action)]
                if notes:
                    more = f"The first {_LISTED} of {len(notes):,}" if len(notes) > _LISTED else ""
                    rows = [[number, note] for number, note in enumerate(notes[:_LISTED], start=1)]
                    page.table(["", f"{action}: {title}"], rows, more)
        page.paragraph(f"Content hash of the pictures used: {data.content_hash(self._audit.examples, self._labels)}")

    def _small(self, row: int) -> bytes:
        return _shrunk(self._audit.examples[row].path, self._facts[row])

    def _name(self, row: int) -> str:
        return f"{self._labels[self._classes[row]]}/{self._audit.examples[row].path.name}"


def _shrunk(path: Path, facts: Facts) -> bytes:
    """Encode a picture small, in its own proportions within a square, so that all take the same room."""
    scale = 2 * _SAMPLE_PX / max(facts.width, facts.height)  # twice, for screens with small pixels
    height, width = (max(1, round(side * scale)) for side in (facts.height, facts.width))
    square = Image.new("RGBA", (2 * _SAMPLE_PX, 2 * _SAMPLE_PX))
    small = Image.fromarray(to_tensor(path.read_bytes(), height, width))
    square.paste(small, ((square.width - width) // 2, (square.height - height) // 2))
    buffer = io.BytesIO()
    square.save(buffer, "WEBP", quality=75)
    return buffer.getvalue()


def _shortened(name: str, longest: int = 24) -> str:
    """Cut the middle out of a long name: beginnings tell classes, ends tell files."""
    return name if len(name) <= longest else f"{name[: longest // 2 - 1]}…{name[-longest // 2 :]}"


def _jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()


def _ratios(ratios: np.ndarray, edges: np.ndarray) -> Figure:
    with plots.style():
        figure, plot = plots.axes(x="width / height", y="pictures")
        plot.hist(ratios, edges, color=plots.BLUE)
        plot.set_xscale("log", base=2)
        ticks = {0.25: "1:4", 0.5: "1:2", 0.75: "3:4", 1: "1:1", 1.333: "4:3", 2: "2:1", 4: "4:1"}
        plot.set_xticks(list(ticks), list(ticks.values()))
        plot.minorticks_off()
    return figure


def _spreads(by_class: dict[str, np.ndarray], x: str) -> Figure:
    """Draw where the values of each class lie: 5 to 95 %, 25 to 75 %, median."""
    with plots.style():
        figure, plot = plots.axes(height=0.8 + 0.3 * max(2, len(by_class)), x=x)
        for row, values in enumerate(by_class.values()):
            low, lower, middle, upper, high = np.percentile(values, (5, 25, 50, 75, 95))
            plot.plot([low, high], [row, row], color=plots.BLUE, linewidth=1.4)
            plot.plot([lower, upper], [row, row], color=plots.BLUE, linewidth=6, alpha=0.55, solid_capstyle="butt")
            plot.plot([middle], [row], "o", color=plots.VERMILION, markersize=6)
        names = [name if len(name) <= 18 else name[:17] + "…" for name in by_class]  # noqa: PLR2004 - as plots.bars
        plot.set_yticks(range(len(names)), names)
        plot.set_ylim(len(names) - 0.4, -0.6)
        plot.grid(axis="y", visible=False)
    return figure
