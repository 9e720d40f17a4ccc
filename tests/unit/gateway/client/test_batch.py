"""`batch` asks for each picture once, by one version, and says what becomes of the others."""

import json
import threading

import pytest

from gateway.client import (
    Client,
    Description,
    Mismatch,
    Patience,
    Picture,
    PictureRefused,
    Prediction,
    Refused,
    Unavailable,
    command,
)
from gateway.client.side_by_side import side_by_side


class Server:
    """Answers with a picture's length; `fails` maps the bytes of pictures to errors."""

    def __init__(self):
        self.versions, self.fails, self.asked = [1], {}, []

    def default(self, deadline):
        return "pizza"

    def describe(self, model, deadline, *, version, label):
        if version is not None and version not in self.versions:
            raise Refused(f"no version {version}", 404)
        return Description(model, version or (self.versions[0] if label else self.versions[-1]), "AVAILABLE")

    def classify(self, picture, model, deadline, *, version, label):
        self.asked.append(picture.data)
        if picture.data in self.fails:
            raise self.fails[picture.data]
        return Prediction(model, version, {"odd": len(picture.data) % 2 + 0.0, "even": 1.0 - len(picture.data) % 2})

    def close(self):
        pass


@pytest.fixture
def server(monkeypatch):
    server = Server()
    monkeypatch.setattr(command, "connect", lambda *_, **__: Client(server, Patience(tries=1)))
    return server


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "pictures/below").mkdir(parents=True)
    for number in range(6):
        (tmp_path / "pictures" / ("below" if number % 2 else ".") / f"{number}.jpg").write_bytes(b"x" * (number + 1))
    (tmp_path / "pictures/readme.txt").write_text("no picture")
    (tmp_path / "pictures/.hidden.jpg").write_bytes(b"no picture")
    return tmp_path / "pictures"


@pytest.fixture
def batch(tmp_path, folder, capsys):
    """Run the command; gives exit status, rows by file, and what it said."""

    def run(*options, source=None):
        status = command.main(
            ["batch", *([str(folder)] if source is None else source), f"--out={tmp_path}/out.jsonl", *options], {}
        )
        table = tmp_path / "out.jsonl"
        rows = [json.loads(line) for line in table.read_text().splitlines()] if table.exists() else []
        assert len(rows) == len({row["file"] for row in rows})
        return status, {row["file"]: row for row in rows}, capsys.readouterr().err

    return run


def test_each_picture_has_a_row(server, batch):
    """Pictures are found by their suffix, below folders too, and each has its answer; asked again, nothing is."""
    status, rows, _ = batch()
    assert (0, {"0.jpg", "below/1.jpg", "2.jpg", "below/3.jpg", "4.jpg", "below/5.jpg"}) == (status, set(rows))
    assert ("odd", 1.0, "pizza", 1) == tuple(
        rows["0.jpg"][name] for name in ("label", "probability", "model", "version")
    )
    assert (0, rows) == batch()[:2]
    assert 6 == len(server.asked)


def test_a_refused_picture_has_a_row_that_says_so(server, batch):
    """It costs the others nothing, is not asked again, and the exit status tells."""
    server.fails[b"xx"] = PictureRefused("This is not a picture.", 415)
    status, rows, said = batch()
    assert (1, "This is not a picture.", "") == (status, rows["below/1.jpg"]["error"], rows["below/1.jpg"]["label"])
    assert "5 answered, 1 refused" in said
    assert 1 == batch()[0]
    assert 6 == len(server.asked)


def test_a_picture_without_an_answer_has_no_row(server, batch):
    """What may pass is asked again by the next run, and by it alone."""
    server.fails[b"xx"] = Unavailable("full")
    status, rows, said = batch()
    assert (1, 5, True) == (status, len(rows), "because full" in said)
    server.fails.clear()
    assert (0, 6) == (batch()[0], len(batch()[1]))
    assert 7 == len(server.asked)


@pytest.mark.parametrize(
    ("error", "status"), [(Unavailable("down"), 4), (Mismatch("broken"), 6), (Refused("key", 401), 3)]
)
def test_a_server_that_answers_nobody_ends_it(server, batch, error, status):
    """After five in a row, or at once where it is refused for all, it ends with what is left to do."""
    server.fails = {b"x" * number: error for number in range(1, 7)}
    ended, rows, said = batch("--workers=1")
    assert (status, {}) == (ended, rows)
    assert (1 if status == 3 else 5) == len(server.asked)
    assert f"6 pictures are left; the same command goes on\nerror: {error}\n" == said


def test_a_changed_file_is_asked_again(server, batch, folder):
    """Other bytes than when the row was written: the row is replaced; a file that is gone keeps its row."""
    batch()
    (folder / "0.jpg").write_bytes(b"other!")
    (folder / "2.jpg").unlink()
    status, rows, said = batch()
    assert (0, 6, "even") == (status, len(rows), rows["0.jpg"]["label"])
    assert "1 files are others than when their rows were written: asked again" in said
    assert "1 rows are of files that are not among these: kept" in said
    assert [b"other!"] == server.asked[6:]


def test_a_table_has_one_version(server, batch, folder):
    """A table is gone on with by its own version, which is said where there is a newer one."""
    batch()
    server.versions = [1, 2]
    (folder / "new.png").write_bytes(b"new")
    status, rows, said = batch()
    assert (0, {1}) == (status, {row["version"] for row in rows.values()})
    assert "goes on with pizza version 1, as the table was begun; version 2 is there too (--restart)" in said
    assert {2} == {row["version"] for row in batch("--restart")[1].values()}


@pytest.mark.parametrize(
    ("versions", "options", "words"),
    [
        ([2], [], "begun with pizza version 1, which is not there any more"),
        ([1, 2], ["--version=2"], "begun with pizza version 1: choose another name, or --restart"),
        ([1, 2], ["--model=other"], "begun with pizza version 1: choose another name, or --restart"),
        ([2, 1], ["--label=stable"], "'stable' is version 2, but the table was begun with pizza version 1"),
    ],
)
def test_versions_are_not_mixed(server, batch, versions, options, words):
    """Another version than the table's is refused, and the table stays as it is."""
    _, before, _ = batch()
    server.versions = versions
    status, after, said = batch(*options)
    assert (2, before, True) == (status, after, words in said), said


def test_a_list_names_files(server, batch, folder, tmp_path):
    """A list's names are the rows', once each; one that cannot be read has a row, and is asked once it can."""
    missing = tmp_path / "later.jpg"
    (tmp_path / "list").write_text(f"{folder}/0.jpg\n{folder}/0.jpg\n\n{missing}\n")
    source = [f"--list={tmp_path}/list"]
    status, rows, _ = batch(source=source)
    assert (1, {f"{folder}/0.jpg", str(missing)}) == (status, set(rows))
    assert "No such file or directory" == rows[str(missing)]["error"]
    missing.write_bytes(b"now")
    assert 0 == batch(source=source)[0]


@pytest.mark.parametrize(
    ("options", "source", "words"),
    [
        (["--out=table.txt"], None, "name it .csv or .jsonl"),
        ([], ["no/such"], "is no folder"),
        ([], ["--list=no/such"], "No such file"),
    ],
)
def test_what_cannot_be_used_is_one_line(server, batch, options, source, words):
    """An argument that leads nowhere ends it with status 2 and a line."""
    status, _, said = batch(*options, source=source)
    assert (2, True, 1) == (status, words in said, said.count("\n"))


def test_an_empty_file_is_not_sent(server, batch, folder):
    """Nothing is no picture."""
    (folder / "empty.png").write_bytes(b"")
    assert "The file is empty." == batch()[1]["empty.png"]["error"]
    assert b"" not in server.asked


def test_side_by_side_is_bounded():
    """So many at a time and no more, each once, failures among the results, and items taken as they are needed."""
    lock, under_way, most, taken = threading.Lock(), 0, 0, []

    def work(number):
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        threading.Event().wait(0.005)
        with lock:
            under_way -= 1
        if number == 3:
            raise ValueError
        return number

    def items():
        for number in range(20):
            taken.append(number)
            yield number

    results = side_by_side(work, items(), 4)
    first = next(results)
    assert len(taken) <= 5
    found = dict([first, *results])
    assert (set(range(20)), True, 4) == (set(found), isinstance(found.pop(3), ValueError), most)
    assert all(number == result for number, result in found.items())


def test_pictures_are_told_apart_from_links():
    """A picture has bytes or a URL; neither is refused before anybody is asked."""
    with pytest.raises(PictureRefused):
        Client(Server()).classify(Picture(), "pizza")
