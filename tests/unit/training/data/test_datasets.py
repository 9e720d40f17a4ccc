import gzip
import hashlib
import io
import json
import os
import shutil
import struct
import threading
import zipfile
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from PIL import Image

from tests.unit.training.data.web_host import Host, serving
from training import data
from training.artefact.drawings import write_folder
from training.data import datasets
from training.data.download import DownloadError, Remote
from training.data.sources import DataError

CLOTHES = datasets.DATA_SETS["clothing"].labels


@pytest.fixture
def host():
    with serving(Host()) as running:
        yield running


def zipped(folder, top):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in sorted(folder.rglob("*.png")):
            archive.write(path, f"{top}/{path.relative_to(folder)}")
    return buffer.getvalue()


@pytest.fixture
def clothing(host, tmp_path, monkeypatch):
    """Serve a drawn archive laid out as the course's: train and test folders with class folders inside."""
    for number, split in enumerate(("train", "test")):
        write_folder(tmp_path / "made" / split, CLOTHES, 2, 20 + number)
    host.files["/master.zip"] = zipped(tmp_path / "made", "clothing-dataset-small-master")
    monkeypatch.setattr(datasets, "_CLOTHING", Remote(f"{host.address}/master.zip"))
    return host


def test_a_path_stays_a_path(tmp_path):
    """A folder, a CSV file, even one that has a data set's name."""
    assert tmp_path == datasets.resolve(tmp_path)
    assert tmp_path == datasets.resolve(str(tmp_path), "pizza")


def test_a_folder_goes_before_a_name(tmp_path, monkeypatch):
    """Who has a folder called pizza beside him means it."""
    (tmp_path / "pizza").mkdir()
    monkeypatch.chdir(tmp_path)

    assert "pizza" == str(datasets.resolve("pizza", home=tmp_path / "home"))


@pytest.mark.parametrize(
    ("text", "default", "said"),
    [
        (None, None, "--data is needed"),
        ("nowhere", None, r"--data nowhere: there is no such folder.*pizza, clothing, fashion-mnist"),
        ("nowhere", "pizza", "--data nowhere"),
    ],
)
def test_what_is_neither_path_nor_name_is_refused(tmp_path, text, default, said):
    """The message lists the names; a default does not stand in for a misspelt path."""
    with pytest.raises(DataError, match=said):
        datasets.resolve(text, default, home=tmp_path)


def test_the_clothing_archive_becomes_a_folder_that_can_be_scanned(clothing, tmp_path):
    """Its splits are merged, its name resolves to it, and the second time nobody is asked."""
    folder = datasets.resolve(None, "clothing", home=tmp_path / "home")
    examples, labels = data.scan(folder)

    assert tmp_path / "home" / "clothing" == folder
    assert (40, CLOTHES) == (len(examples), labels)
    assert folder == datasets.resolve("clothing", home=tmp_path / "home")
    assert 1 == len(clothing.asked)
    assert {"clothing", "clothing.json"} == {p.name for p in (tmp_path / "home").iterdir() if p.name[0] != "."}


def test_a_data_set_is_held_to_what_it_was(clothing, tmp_path):
    """The content is recorded at the first download; other pictures under the same name are refused later."""
    folder = datasets.fetch("clothing", tmp_path / "home")
    record = json.loads((tmp_path / "home" / "clothing.json").read_text())
    assert data.content_hash(*data.scan(folder)) == record["content_sha256"]
    shutil.rmtree(folder)
    datasets.fetch("clothing", tmp_path / "home")
    shutil.rmtree(folder)
    write_folder(tmp_path / "made" / "train", CLOTHES, 3, 20)
    clothing.files["/master.zip"] = zipped(tmp_path / "made", "clothing-dataset-small-master")

    with pytest.raises(DataError, match=r"clothing is not what it was on 20.*clothing\.json"):
        datasets.fetch("clothing", tmp_path / "home")
    assert not folder.exists()


def test_an_archive_that_is_none_leaves_nothing_behind(clothing, tmp_path):
    """A page that asks to sign in comes with status 200, too."""
    clothing.files["/master.zip"] = b"<html>sign in</html>"

    with pytest.raises(DataError, match="not a zip archive"):
        datasets.fetch("clothing", tmp_path / "home")
    assert not (tmp_path / "home" / "clothing").exists()
    clothing.files["/master.zip"] = zipped(tmp_path / "made", "x")
    assert datasets.fetch("clothing", tmp_path / "home").is_dir()


def test_fashion_mnist_becomes_png_files_by_class(host, tmp_path, monkeypatch):
    """Every picture keeps its pixels and lies in its class's folder; the files' MD5 sums are checked."""
    rng = np.random.default_rng(2)
    images, classes = rng.integers(0, 256, (40, 28, 28), np.uint8), np.arange(40, dtype=np.uint8) % 10
    packed = {
        "/images.gz": gzip.compress(struct.pack(">HBB3I", 0, 8, 3, 40, 28, 28) + images.tobytes()),
        "/labels.gz": gzip.compress(struct.pack(">HBBI", 0, 8, 1, 40) + classes.tobytes()),
    }
    host.files |= packed
    remotes = [Remote(f"{host.address}{p}", f"md5:{hashlib.md5(content).hexdigest()}") for p, content in packed.items()]
    monkeypatch.setattr(datasets, "_FASHION_FILES", {"train": remotes})
    folder = datasets.fetch("fashion-mnist", tmp_path / "home")
    labels = datasets.DATA_SETS["fashion-mnist"].labels

    for number in range(40):
        path = folder / labels[classes[number]] / f"train-{number:05d}.png"
        with Image.open(path) as image:
            assert np.array_equal(images[number], np.array(image))
    host.files["/labels.gz"] = packed["/images.gz"]
    shutil.rmtree(folder)
    with pytest.raises(DownloadError, match=r"labels\.gz is not the file"):
        datasets.fetch("fashion-mnist", tmp_path / "home")


def test_the_published_sums_and_names_are_those_of_the_data_set():
    """MD5 sums and class names as the data set's authors publish them, in the order of its labels 0 to 9."""
    sums = [remote.checksum for pair in datasets._FASHION_FILES.values() for remote in pair]

    assert [
        "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "md5:25c81989df183df01b3e8a0aad5dffbe",
        "md5:bef4ecab320f06d8554ea6380940ec79",
        "md5:bb300cfdad3c16e7a12a480ee83cd310",
    ] == sums
    assert (
        *("t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle-boot"),
    ) == datasets.DATA_SETS["fashion-mnist"].labels


class KaggleHandler(BaseHTTPRequestHandler):
    """Answers as Kaggle's API does: `server.archive`, or `server.status`; breaks off `server.breaks` times."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Say nothing."""

    def do_GET(self):
        self.send_archive()

    def do_POST(self):
        self.server.seen.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        if self.server.status != 200:
            body = json.dumps({"code": self.server.status, "message": "no"}).encode()
            self.answer(self.server.status, body, "application/json")
        elif self.path.endswith("GetDataset"):
            self.answer(200, b'{"currentVersionNumber": 1}', "application/json")
        else:
            self.send_archive()

    def send_archive(self):
        start = int(self.headers.get("Range", "bytes=0-")[6:-1])
        body = self.server.archive[start:]
        cut = len(body) // 2 if self.server.breaks else None
        self.server.breaks -= self.server.breaks > 0
        self.answer(206 if start else 200, body, "application/zip", cut)

    def answer(self, status, body, kind, cut=None):
        self.send_response(status)
        for name, value in (("Content-Type", kind), ("Accept-Ranges", "bytes"), ("Content-Length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[:cut])
        self.close_connection = True


@pytest.fixture
def kaggle(tmp_path, monkeypatch):
    """Run Kaggle's own client against a server on loopback; only the address is replaced."""
    import kagglesdk.kaggle_env as environment

    for name in [n for n in os.environ if n.startswith("KAGGLE")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "kaggle"))
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(tmp_path / "no-credentials"))
    monkeypatch.setenv("HOME", str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), KaggleHandler) as server:
        server.archive, server.status, server.breaks, server.seen = b"", 200, 0, []
        endpoint = f"http://127.0.0.1:{server.server_address[1]}"
        monkeypatch.setitem(environment._env_to_endpoint, environment.KaggleEnv.PROD, endpoint)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def pizzas(tmp_path):
    write_folder(tmp_path / "made" / "pizza_not_pizza", ("not_pizza", "pizza"), 4, 32)
    return zipped(tmp_path / "made", "")


def test_the_pizza_pictures_come_by_kaggles_own_client(kaggle, pizzas, tmp_path):
    """Its class folders are found at whatever depth; the call names the data set; a break is gone on with."""
    kaggle.archive, kaggle.breaks = pizzas, 1
    folder = datasets.fetch("pizza", tmp_path / "home")

    assert (8, ("not_pizza", "pizza")) == (len(data.scan(folder)[0]), data.scan(folder)[1])
    assert ("carlosrunner", "pizza-not-pizza") == tuple(kaggle.seen[0][k] for k in ("ownerSlug", "datasetSlug"))


@pytest.mark.parametrize(
    ("status", "said"),
    [(401, r"KAGGLE_USERNAME and KAGGLE_KEY.*--data"), (403, r"kaggle\.json.*--data"), (500, r"answered 500.*--data")],
)
def test_kaggles_refusal_says_what_to_do(kaggle, tmp_path, status, said):
    """Where credentials are asked for, the message says which and where."""
    kaggle.status = status

    with pytest.raises(DownloadError, match=said):
        datasets.fetch("pizza", tmp_path / "home")


def test_without_kaggle_the_message_says_what_to_do(kaggle, tmp_path, monkeypatch):
    """Nothing listens there."""
    import kagglesdk.kaggle_env as environment

    monkeypatch.setitem(environment._env_to_endpoint, environment.KaggleEnv.PROD, "http://127.0.0.1:9")

    with pytest.raises(DownloadError, match=r"cannot fetch .* from Kaggle.*Check the network.*--data DIR"):
        datasets.fetch("pizza", tmp_path / "home")


def test_pictures_that_are_no_longer_there_are_missed(kaggle, pizzas, tmp_path, monkeypatch):
    """An archive with other folders is refused, not taken for a data set."""
    kaggle.archive = pizzas
    sushi = replace(datasets.DATA_SETS["pizza"], labels=("sushi", "pizza"))
    monkeypatch.setitem(datasets.DATA_SETS, "pizza", sushi)

    with pytest.raises(DataError, match=r"no longer holds the folders sushi, pizza"):
        datasets.fetch("pizza", tmp_path / "home")
