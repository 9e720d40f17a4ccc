import hashlib
import os
import random
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.unit.training.data.web_host import Host, serving
from training.data.download import DownloadError, Remote, download

ROOT = Path(__file__).parents[4]
DATA = random.Random(3).randbytes(300_000)
SHA256 = f"sha256:{hashlib.sha256(DATA).hexdigest()}"


@pytest.fixture
def host():
    with serving(Host(files={"/set.zip": DATA})) as running:
        yield running


@pytest.fixture
def fetch(host, tmp_path):
    """Download set.zip with pauses that a test can wait for."""

    def fetch_it(checksum=SHA256, *, timeout_s=5.0, **options):
        remote = Remote(f"{host.address}/set.zip", checksum, **options)
        return download(remote, tmp_path / "downloads", timeout_s=timeout_s, pause_s=0.01)

    return fetch_it


def left_behind(tmp_path):
    return {path.name: path.stat().st_size for path in (tmp_path / "downloads").iterdir()}


def test_a_file_is_fetched_once(host, fetch, tmp_path):
    """It has its own name and nothing lies beside it; the second time nobody is asked."""
    assert DATA == fetch().read_bytes()
    assert DATA == fetch().read_bytes()
    assert {"set.zip": len(DATA)} == left_behind(tmp_path)
    assert [("/set.zip", "")] == host.asked


@pytest.mark.parametrize("checksum", [SHA256, None])
def test_a_broken_connection_goes_on_where_it_stopped(host, fetch, checksum):
    """No byte is fetched twice, with a published checksum or without."""
    host.breaks = [100_000, 50_000]

    assert DATA == fetch(checksum).read_bytes()
    assert ["", "bytes=100000-", "bytes=150000-"] == [asked for _, asked in host.asked]


def test_a_server_without_ranges_sends_it_all_again(host, fetch):
    """What was there is thrown away, not appended to."""
    host.breaks, host.ranges = [100_000], False

    assert DATA == fetch().read_bytes()


def test_a_file_without_a_length_is_whole_when_the_server_says_so(host, fetch):
    """An archive made on the fly is sent in chunks; one cut short in a chunk is noticed."""
    host.chunked, host.breaks = True, [100_000]

    assert DATA == fetch(None).read_bytes()
    assert 2 == len(host.asked)


def test_two_versions_of_a_file_are_never_mixed(host, fetch):
    """The server's file changes between two connections: the old half is thrown away."""
    host.breaks = [100_000]
    host.files["/set.zip"] = b"x" * len(DATA)
    host.statuses = [200, 404]
    with pytest.raises(DownloadError):
        fetch(None)
    host.etag, host.files["/set.zip"] = '"2"', DATA

    assert DATA == fetch(None).read_bytes()
    assert "bytes=100000-" == host.asked[-1][1]


def test_without_version_and_checksum_nothing_is_gone_on_with(host, fetch):
    """Nothing could tell whether the rest belongs to what is there."""
    host.breaks, host.etag = [100_000], None

    assert DATA == fetch(None).read_bytes()
    assert ["", ""] == [asked for _, asked in host.asked]


def test_a_killed_run_is_gone_on_with(host, fetch, tmp_path):
    """SIGKILL in the middle: the next run asks for the rest only."""
    host.breaks, host.stalls = [120_000], True
    script = (
        "import sys; from pathlib import Path; from training.data.download import Remote, download\n"
        "download(Remote(*sys.argv[1:3]), Path(sys.argv[3]))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT / "apps"), str(ROOT)))}
    arguments = [f"{host.address}/set.zip", SHA256, str(tmp_path / "downloads")]
    run = subprocess.Popen([sys.executable, "-c", script, *arguments], env=environment, stderr=subprocess.DEVNULL)
    partial = tmp_path / "downloads" / "set.zip.partial"
    deadline = time.monotonic() + 30
    while not (partial.exists() and partial.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.02)
    run.kill()
    run.wait()
    have = partial.stat().st_size

    assert 0 < have <= 120_000
    assert DATA == fetch().read_bytes()
    assert f"bytes={have}-" == host.asked[-1][1]


def test_wrong_bytes_are_refused_and_thrown_away(host, fetch, tmp_path):
    """The message says what was expected; nothing of it is used, now or later."""
    host.files["/set.zip"] = DATA[:-1] + b"!"
    with pytest.raises(DownloadError, match=f"not the file that its authors published.*{SHA256}"):
        fetch()

    assert {"set.zip.partial": 0} == left_behind(tmp_path)
    host.files["/set.zip"] = DATA
    assert DATA == fetch().read_bytes()


def test_a_wrong_beginning_from_an_earlier_run_is_fetched_anew(host, fetch, tmp_path):
    """A partial file that does not belong to the rest costs one more download, not a failure."""
    (tmp_path / "downloads").mkdir()
    (tmp_path / "downloads" / "set.zip.partial").write_bytes(b"?" * 1000)

    assert DATA == fetch().read_bytes()
    assert ["bytes=1000-", ""] == [asked for _, asked in host.asked]


@pytest.mark.parametrize("surplus", [b"", b"more"])
def test_a_partial_file_that_is_whole_or_too_long_is_settled(host, fetch, tmp_path, surplus):
    """Killed between the last byte and the renaming; or the file became shorter since."""
    (tmp_path / "downloads").mkdir()
    (tmp_path / "downloads" / "set.zip.partial").write_bytes(DATA + surplus)

    assert DATA == fetch().read_bytes()


def test_a_damaged_file_is_fetched_again(host, fetch, tmp_path):
    """What is there under its own name is checked as well."""
    fetch().write_bytes(b"damaged")

    assert DATA == fetch().read_bytes()


def test_a_busy_server_is_asked_again(host, fetch, capsys):
    """503 and 429 pass; the user sees why it takes longer."""
    host.statuses = [503, 429]

    assert DATA == fetch().read_bytes()
    assert "the server answered 503" in capsys.readouterr().err


def test_a_server_that_stays_silent_is_given_up(host, fetch):
    """A few tries that bring nothing, then one sentence with what to do."""
    host.statuses = [503] * 9

    with pytest.raises(DownloadError, match=r"503.*run the same command again.*--data DIR"):
        fetch()
    assert 4 == len(host.asked)


def test_what_will_not_pass_is_not_tried_again(host, fetch):
    """404 ends at once."""
    host.statuses = [404]

    with pytest.raises(DownloadError, match=r"set\.zip: the server answered 404"):
        fetch()
    assert 1 == len(host.asked)


def test_a_stalled_connection_ends(host, fetch):
    """A server that stops sending without hanging up costs one timeout."""
    host.breaks, host.stalls = [100_000], True

    assert DATA == fetch(timeout_s=0.3).read_bytes()
    assert "bytes=100000-" == host.asked[-1][1]


def test_without_network_the_message_says_what_to_do(tmp_path):
    """Nothing listens there."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    with pytest.raises(DownloadError, match=r"Connection refused\. Check the network.*--data DIR"):
        download(Remote(f"http://127.0.0.1:{port}/set.zip"), tmp_path, pause_s=0.01)


@pytest.mark.parametrize("chunked", [False, True])
def test_more_bytes_than_a_file_can_have_are_not_stored(host, fetch, chunked):
    """Neither when the server announces them nor when it just sends them."""
    host.chunked = chunked

    with pytest.raises(DownloadError, match="more than the 1,000"):
        fetch(max_bytes=1000)


def test_a_redirect_is_followed(host, tmp_path):
    """Archives are served from another address than they are asked for at."""
    with serving(Host(redirect=f"{host.address}/set.zip")) as first:
        assert DATA == download(Remote(f"{first.address}/set.zip", SHA256), tmp_path).read_bytes()
