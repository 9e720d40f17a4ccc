"""A table that a run was killed in the midst of is gone on with: nothing is lost, nothing is there twice."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.client import UsageError
from gateway.client.results_file import ResultsFile
from gateway.client.rows import FORMS, Row

FORM_NAMES = tuple(FORMS)


def row(number, **changes):
    return Row(**{"file": f'{number}".jpg', "sha256": "0", "model": "pizza", "version": 1, **changes})


def names(path, form):
    with ResultsFile(path, form) as results:
        return list(results.rows)


@pytest.fixture(params=FORM_NAMES)
def form(request):
    return FORMS[request.param]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_a_file_cut_anywhere_is_gone_on_with(tmp_path_factory, data):
    """Cut at any byte, the rows before are all there, the rest is written again, and the end is as if nothing was."""
    form = FORMS[data.draw(st.sampled_from(FORM_NAMES))]
    rows = [row(number, error=data.draw(st.sampled_from(["", "a\nb", '"']))) for number in range(4)]
    pieces = [form.header, *map(form.write, rows)]
    whole = b"".join(pieces)
    cut = data.draw(st.integers(0, len(whole)))
    path = Path(tmp_path_factory.mktemp("cut")) / "table"
    path.write_bytes(whole[:cut])
    expected = [one for number, one in enumerate(rows) if len(b"".join(pieces[: number + 2])) <= cut]
    with ResultsFile(path, form) as results:
        assert expected == list(results.rows.values())
        for one in rows[len(expected) :]:
            results.add(one)
    assert whole == path.read_bytes()


def test_what_was_torn_is_told(tmp_path, form):
    """The bytes of half a row are counted and cut off."""
    path = tmp_path / "table"
    path.write_bytes(form.header + form.write(row(1)) + form.write(row(2))[:20])
    with ResultsFile(path, form) as results:
        assert (20, ['1".jpg']) == (results.torn_bytes, list(results.rows))


def test_rows_are_dropped_as_a_whole(tmp_path, form):
    """Dropping leaves the others in their order, and the file goes on from there."""
    path = tmp_path / "table"
    with ResultsFile(path, form) as results:
        for number in range(4):
            results.add(row(number))
        results.drop({'1".jpg', "no such"})
        results.drop(set())
        results.add(row(1, version=2))
    assert [f'{number}".jpg' for number in (0, 2, 3, 1)] == names(path, form)
    assert ["table"] == [one.name for one in tmp_path.iterdir()]


def test_a_kill_while_dropping_drops_nothing(tmp_path, form, monkeypatch):
    """Until the new file has the old one's name, the old one is whole; what is left of the new one does no harm."""
    path = tmp_path / "table"

    def killed(*_):
        raise SystemExit

    with ResultsFile(path, form) as results:
        results.add(row(1))
        monkeypatch.setattr(Path, "replace", killed)
        with pytest.raises(SystemExit):
            results.drop({'1".jpg'})
    monkeypatch.undo()
    assert ['1".jpg'] == names(path, form)
    with ResultsFile(path, form) as results:
        results.drop({'1".jpg'})
    assert [] == names(path, form)


def test_one_process_has_it(tmp_path, form):
    """A second opening is refused, also after rows were dropped, and works once the first is closed."""
    path = tmp_path / "table"
    with ResultsFile(path, form) as results:
        results.add(row(1))
        for _ in range(2):
            with pytest.raises(UsageError, match="another process"):
                ResultsFile(path, form)
            results.drop({'1".jpg'})
    assert [] == names(path, form)


def test_restart_forgets(tmp_path, form):
    """What is there is gone, also where it could not be read."""
    path = tmp_path / "table"
    path.write_bytes(b"odd\n")
    with ResultsFile(path, form, restart=True) as results:
        assert {} == results.rows
    assert form.header == path.read_bytes()


@pytest.mark.parametrize("content", [b"some text", b"some\ntext\n", b'{"other": 1}', b"\x00", b'{"file": 1}\n'])
def test_other_peoples_files_are_left_alone(tmp_path, form, content):
    """What batch did not write is refused, and stays as it is."""
    path = tmp_path / "table"
    path.write_bytes(content)
    with pytest.raises(UsageError):
        ResultsFile(path, form)
    assert content == path.read_bytes()


def test_a_row_that_is_there_twice_is_told(tmp_path, form):
    """Two rows of a file cannot come from batch, and are not chosen from."""
    path = tmp_path / "table"
    path.write_bytes(form.header + form.write(row(1)) * 2)
    with pytest.raises(UsageError, match="twice"):
        ResultsFile(path, form)


@pytest.mark.parametrize("place", ["no/such/table", "."])
def test_a_place_that_cannot_be_written_is_named(tmp_path, form, place):
    """A folder that is not there, or a folder, is said in one line."""
    with pytest.raises(UsageError, match=str(tmp_path)):
        ResultsFile(tmp_path / place, form)
