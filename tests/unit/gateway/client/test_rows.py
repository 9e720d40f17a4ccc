"""A row reads as it was written, and half a row is never taken for one."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.client.rows import FORMS, NAMES, Row, RowError

TEXTS = st.text(max_size=20) | st.sampled_from(['"', "\n", "\r", '",\n"', "a\r\nb", "=1+1", "bild-\udce4.png"])
ROWS = st.builds(
    Row,
    file=TEXTS.filter(lambda text: "\0" not in text),
    sha256=st.sampled_from(["", "0" * 64]),
    model=st.just("pizza"),
    version=st.integers(1, 9),
    label=TEXTS.filter(lambda text: "\0" not in text),
    probability=st.floats(0, 1),
    probabilities=st.dictionaries(TEXTS, st.floats(0, 1), max_size=3),
    error=TEXTS.filter(lambda text: "\0" not in text),
)


def is_bytes_of_a_name(text):
    """A name comes from bytes: lone surrogates beside those that stand for bytes are none."""
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape") == text
    except UnicodeError:
        return False


ROWS = ROWS.filter(lambda row: all(map(is_bytes_of_a_name, (row.file, row.label, row.error))))


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@given(rows=st.lists(ROWS, max_size=4))
def test_rows_read_as_they_were_written(form, rows):
    """Any name, label and reason passes: quotes, commas, line ends, bytes that are no UTF-8."""
    data = form.header + b"".join(map(form.write, rows))
    records = list(form.split(data))
    assert data == b"".join(records)
    assert rows == [form.read(record) for record in (records[1:] if form.header else records)]


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@given(row=ROWS, share=st.floats(0, 1))
def test_half_a_row_is_no_record(form, row, share):
    """However little of a row's end is missing, the row is not there, and what was before it is."""
    whole = form.write(row)
    assert whole.startswith(form.start)
    half = whole[: int(share * len(whole))]
    assert half != whole or share == 1
    if half != whole:
        assert [form.write(row)] == list(form.split(whole + half))


@pytest.mark.parametrize(
    "record", [b"", b"{}\n", b"[]\n", b"1,2\n", b'"\n', b'"a","b","c","x","e","0.5","{}",""\n', b'{"file": 1}\n']
)
def test_anything_else_is_refused(record):
    """Other columns and other kinds of values are no row."""
    for form in FORMS.values():
        with pytest.raises(RowError):
            form.read(record)


def test_the_forms_are_what_other_programs_read():
    """CSV has a header and all values in quotes; a JSON line is an object."""
    row = Row("a.jpg", "00", "pizza", 2, "pizza", 0.75, {"pizza": 0.75, "not_pizza": 0.25})
    assert b"file,sha256,model,version,label,probability,probabilities,error\n" == FORMS["csv"].header
    assert b'"a.jpg","00","pizza","2","pizza","0.75","{""pizza"": 0.75, ""not_pizza"": 0.25}",""\n' == FORMS[
        "csv"
    ].write(row)
    assert FORMS["jsonl"].write(row).startswith(b'{"file": "a.jpg", "sha256": "00", "model": "pizza", "version": 2, ')
    assert tuple(dataclasses.asdict(row)) == NAMES
