"""Data sets by name: where they come from, and how they become a folder with one folder of pictures per class."""

import datetime as dt
import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from training.data import kaggle
from training.data.download import Remote, download
from training.data.locking import exclusive
from training.data.sources import DataError

HOME = Path(__file__).parents[2] / "runs" / "data"
_CLOTHING = Remote("https://github.com/alexeygrigorev/clothing-dataset-small/archive/refs/heads/master.zip")
_FASHION = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
_DRAWN_EACH, _DRAWN_PX = 60, 48
_FASHION_FILES = {  # picture and label files, with the MD5 sums that the data set's authors publish
    "train": (
        Remote(f"{_FASHION}train-images-idx3-ubyte.gz", "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        Remote(f"{_FASHION}train-labels-idx1-ubyte.gz", "md5:25c81989df183df01b3e8a0aad5dffbe"),
    ),
    "t10k": (
        Remote(f"{_FASHION}t10k-images-idx3-ubyte.gz", "md5:bef4ecab320f06d8554ea6380940ec79"),
        Remote(f"{_FASHION}t10k-labels-idx1-ubyte.gz", "md5:bb300cfdad3c16e7a12a480ee83cd310"),
    ),
}


@dataclass(frozen=True)
class DataSet:
    """A data set that can be downloaded.

    Attributes: labels, class names as its authors number or name them; pictures, how many it has; origin and licence,
    in words; bring, which downloads to the first folder (kept for a next try) and writes class folders to the second.
    """

    labels: tuple[str, ...]
    pictures: int
    origin: str
    licence: str
    bring: Callable[[Sequence[str], Path, Path], None]


def resolve(text: str | Path | None, default: str | None = None, *, home: Path = HOME) -> Path:
    """Turn what `--data` says into a folder or CSV file; a known data set is downloaded first, if it is not there.

    Args:
        text: a path, or the name of a known data set; a path that exists goes before a name.
        default: name of the data set to use if `text` is None.
        home: folder of downloaded data sets.
    Raises: DataError for what is neither path nor name; DownloadError for a data set that cannot be fetched.
    """
    if text is None and default is None:
        raise DataError("--data is needed: a folder that holds one folder per class, a CSV file, or a known data set.")
    chosen = str(default if text is None else text)
    if text is not None and Path(text).exists():
        return Path(text)
    if chosen in DATA_SETS:
        return fetch(chosen, home)
    raise DataError(f"--data {chosen}: there is no such folder or file, nor a known data set ({', '.join(DATA_SETS)}).")


def fetch(name: str, home: Path = HOME) -> Path:
    """Download a known data set, once, and return its folder.

    What it holds is recorded at the first download; a later one has to bring the same pictures.

    Args:
        name: a key of DATA_SETS.
        home: folder of downloaded data sets.
    Raises: DownloadError, DataError.
    """
    known, folder = DATA_SETS[name], home / name
    if folder.is_dir():
        return folder
    with exclusive(home / f".{name}.lock"):
        if folder.is_dir():  # another run brought it meanwhile
            return folder
        downloads = home / ".downloads" / name
        with tempfile.TemporaryDirectory(dir=home, prefix=f".{name}-") as scratch:
            pictures = Path(scratch) / name
            try:
                known.bring(known.labels, downloads, pictures)
                _hold_to_record(name, pictures, home / f"{name}.json")
            except DataError:
                shutil.rmtree(downloads, ignore_errors=True)  # what is wrong must not be used again
                raise
            pictures.replace(folder)  # there whole or not at all
        shutil.rmtree(downloads, ignore_errors=True)
    return folder


def _hold_to_record(name: str, pictures: Path, record: Path) -> None:
    from training import data

    examples, labels = data.scan(pictures, DATA_SETS[name].labels)
    content = data.content_hash(examples, labels)
    if record.exists():
        before = json.loads(record.read_text(encoding="utf-8"))
        if before["content_sha256"] != content:
            raise DataError(
                f"{name} is not what it was on {before['fetched']}: {len(examples):,} pictures with other content. "
                f"Remove {record} to take it as it is now."
            )
        return
    found = {
        "name": name,
        "origin": DATA_SETS[name].origin,
        "licence": DATA_SETS[name].licence,
        "fetched": dt.datetime.now(dt.UTC).date().isoformat(),
        "pictures": len(examples),
        "content_sha256": content,
    }
    record.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _pizza(labels: Sequence[str], downloads: Path, folder: Path) -> None:
    del downloads  # Kaggle's client keeps its own
    kaggle.bring("carlosrunner/pizza-not-pizza", labels, folder)


def _clothing(labels: Sequence[str], downloads: Path, folder: Path) -> None:
    from training.data import archives

    del labels  # the archive has its own folders
    archives.unpack_pictures(download(_CLOTHING, downloads), folder)


def _drawn(labels: Sequence[str], downloads: Path, folder: Path) -> None:
    from training.artefact.drawings import write_folder

    del downloads  # nothing is fetched
    write_folder(folder, labels, _DRAWN_EACH, _DRAWN_PX)


def _fashion_mnist(labels: Sequence[str], downloads: Path, folder: Path) -> None:
    from training.data import archives

    for part, remotes in _FASHION_FILES.items():
        images, classes = (archives.read_idx(download(remote, downloads)) for remote in remotes)
        for label in labels:
            (folder / label).mkdir(parents=True, exist_ok=True)
        numbered = tqdm(enumerate(images), f"write {part}", len(images), unit="picture", disable=None, leave=False)
        for number, image in numbered:
            path = folder / labels[classes[number]] / f"{part}-{number:05d}.png"
            path.write_bytes(archives.write_png(image))


DATA_SETS = {
    "pizza": DataSet(
        ("not_pizza", "pizza"), 1966, "Kaggle, carlosrunner/pizza-not-pizza", "as its page on Kaggle says", _pizza
    ),
    "clothing": DataSet(
        ("dress", "hat", "longsleeve", "outwear", "pants", "shirt", "shoes", "shorts", "skirt", "t-shirt"),
        3781,
        "GitHub, alexeygrigorev/clothing-dataset-small",
        "CC0",
        _clothing,
    ),
    "fashion-mnist": DataSet(
        ("t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle-boot"),
        70000,
        "Zalando Research, as keras.datasets brings it",
        "MIT",
        _fashion_mnist,
    ),
    "drawn": DataSet(
        ("pizza", "salad", "sky", "blocks", "garment"),
        5 * _DRAWN_EACH,
        "drawn on this machine in seconds, to try things on",
        "Apache-2.0",
        _drawn,
    ),
}
