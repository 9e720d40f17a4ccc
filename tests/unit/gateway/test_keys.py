"""Rules of the file of API keys."""

import hashlib
import re

import pytest

from gateway import cli, keys
from gateway.keys import Keys, KeysError, make_key, read_keys
from gateway.rates import Rate


class Clock:
    now_s = 100.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


def replace(path, text):
    """Write a file the way Kubernetes does: another one takes its place."""
    other = path.with_suffix(".new")
    other.write_text(text)
    other.replace(path)


def test_a_key_is_found_by_its_hash(tmp_path):
    """The file holds a name and a hash, and no part of the key; only the whole key is found."""
    made, line = make_key("shop")
    file = tmp_path / "keys"
    file.write_text(f"# keys\n\n{line}\n  {make_key('other')[1]} rate=50 burst=100\n")
    found = Keys(file)
    assert 2 == len(found)
    assert ("shop", None) == (found.find(made).name, found.find(made).rate)
    assert made[3:] not in file.read_text()
    assert f"shop sha256:{hashlib.sha256(made.encode()).hexdigest()}" == line  # what sha256sum says too
    for wrong in ("", made[:-1], made + "A", made.lower(), made[3:], f" {made}", "ic_" + "é" * 43, line.split(":")[1]):
        assert found.find(wrong) is None, wrong


def test_made_keys_have_256_bits():
    """A made key has the form that is accepted, and no two are alike."""
    made = {make_key("shop")[0] for _ in range(100)}
    assert 100 == len(made)
    assert all(keys.KEY.fullmatch(one) for one in made)


def test_a_name_may_have_several_keys(tmp_path):
    """While a key is replaced, the old and the new one work; a rate of its own is the line's."""
    (old, old_line), (new, new_line) = make_key("shop"), make_key("shop")
    file = tmp_path / "keys"
    file.write_text(f"{old_line}\n{new_line} rate=0.5 burst=3\n")
    found = Keys(file)
    assert [None, Rate(0.5, 3)] == [found.find(one).rate for one in (old, new)]


def test_a_changed_file_is_read_anew(tmp_path, clock):
    """Within a second a key that was added works, and one that was removed does not."""
    (first, first_line), (second, second_line) = make_key("first"), make_key("second")
    file = tmp_path / "keys"
    file.write_text(first_line)
    found = Keys(file, clock)
    replace(file, second_line)
    assert "first" == found.find(first).name  # not looked at yet
    clock.now_s += 1.01
    assert found.find(first) is None
    assert "second" == found.find(second).name


@pytest.mark.parametrize("spoil", [lambda file: file.unlink(), lambda file: replace(file, "nonsense")])
def test_a_spoilt_file_changes_nothing(tmp_path, clock, caplog, spoil):
    """A file that cannot be used leaves the keys as they were, says so once, and is taken again when it is mended."""
    made, line = make_key("shop")
    file = tmp_path / "keys"
    file.write_text(line)
    found = Keys(file, clock)
    spoil(file)
    for _ in range(3):
        clock.now_s += 1.01
        assert "shop" == found.find(made).name
    assert found.stale.is_set()
    assert 1 == len(caplog.records)
    replace(file, "")  # a list without keys is a list: nobody is let in
    clock.now_s += 1.01
    assert found.find(made) is None
    assert not found.stale.is_set()


HASH = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    "text",
    [
        "shop",
        "shop 5f0c",
        f"shop {HASH[:-1]}",
        f"shop {HASH}0",
        f"shop {HASH.upper()}",
        f"a/b {HASH}",
        f"{'a' * 65} {HASH}",
        f"shop {HASH} rate=5",
        f"shop {HASH} rate=0 burst=1",
        f"shop {HASH} rate=1.2.3 burst=1",
        f"shop {HASH} rate=5 burst=0",
        f"shop {HASH} burst=5 rate=5",
        f"shop {HASH} rate=5 burst=5 more",
        f"a {HASH}\nb {HASH}",
        f"ключ {HASH}",
        "\0",
        "# " + "x" * 2**20,
        "".join(f"a sha256:{number:064x}\n" for number in range(1001)),
    ],
)
def test_bad_files(tmp_path, text):
    """A file that cannot be used is refused in one line that names it and repeats none of it."""
    file = tmp_path / "keys"
    file.write_text(text)
    with pytest.raises(KeysError, match=re.escape(str(file))) as refusal:
        read_keys(file)
    assert "\n" not in str(refusal.value)
    assert "0" * 10 not in str(refusal.value)


def test_the_command_makes_a_key(tmp_path, capsys):
    """`gateway key NAME` writes the line to stdout, for `>>`, and the key to stderr."""
    assert 0 == cli.main(["key", "shop"])
    said = capsys.readouterr()
    (tmp_path / "keys").write_text(said.out)
    assert "shop" == Keys(tmp_path / "keys").find(said.err.strip()).name
    assert 1 == cli.main(["key", "a b"])
    assert "error: 'a b' is no name" in capsys.readouterr().err
