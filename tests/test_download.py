"""Downloads, against a server on loopback that sends the right bytes, or breaks off, stalls, lies and refuses."""

import hashlib
import os
import pwd
import resource
import signal
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from clipmini import download, files
from clipmini.download import Remote, fetch

CONTENT = bytes(range(256)) * 100
SHA256 = hashlib.sha256(CONTENT).hexdigest()
N = len(CONTENT)  # 25,600
PIECE = 9_000
DRIP = 999  # fewer bytes than Python would buffer
BIG = 60_000_000
BIG_SHA256 = hashlib.sha256(bytes(BIG)).hexdigest()
HANGING = 600  # seconds: nothing here takes a tenth of it on a quiet machine


class Handler(BaseHTTPRequestHandler):
    """`/name` is answered by the method of that name; `start` is where the Range begins, or None without a Range."""

    def do_GET(self):
        said = self.headers["Range"]
        self.server.asked.append((self.path[1:], said))
        getattr(self, self.path[1:])(int(said.removeprefix("bytes=").removesuffix("-")) if said else None)

    def answer(self, start, content=CONTENT, stop=None, size=N, said=None):
        """Send content[start:stop], whatever the headers promise; `said` replaces the Content-Range."""
        begin = start or 0
        self.send_response(200 if start is None else 206)
        self.send_header("Content-Length", str(size - begin))
        if start is not None:
            self.send_header("Content-Range", said or f"bytes {begin}-{size - 1}/{size}")
        self.end_headers()
        self.wfile.write(content[begin:stop])
        self.server.sent.append(len(content[begin:stop]))

    def right(self, start):
        self.answer(start)

    def moved(self, start):
        self.send_response(302)
        self.send_header("Location", "/right")
        self.end_headers()

    def missing(self, start):
        self.send_error(404)

    def busy(self, start):
        self.send_error(503)

    def wrong(self, start):
        self.answer(start, CONTENT[::-1])

    def long(self, start):
        self.answer(start, CONTENT + b"more", size=N + 4)

    def longer_than_said(self, start):
        self.answer(start, CONTENT + b"more")

    def unmeasured(self, start):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(CONTENT)

    def drops(self, start):
        """Nothing comes after the headers."""
        self.answer(start, stop=start or 0)

    def dies(self, start):
        self.answer(start, stop=(start or 0) + PIECE)

    def drips(self, start):
        self.answer(start, stop=(start or 0) + DRIP)

    def stalls(self, start):
        self.dies(start)
        self.server.ended.wait(HANGING)

    def hangs(self, start):
        self.drips(start)
        self.server.ended.wait(HANGING)

    def in_pieces(self, start):
        """A range may be shorter than what was asked for."""
        begin = start or 0
        self.send_response(206)
        self.send_header("Content-Length", str(min(PIECE, N - begin)))
        self.send_header("Content-Range", f"bytes {begin}-{min(begin + PIECE, N) - 1}/{N}")
        self.end_headers()
        self.wfile.write(CONTENT[begin : begin + PIECE])

    def ignores(self, start):
        self.answer(None)

    def has_no_more(self, start):
        self.answer(None) if start is None else self.send_error(416)

    def misplaced(self, start):
        """Says that the rest begins ten bytes too late; what comes then does not matter, so nothing does."""
        self.answer(start and start + 10, stop=start)

    def unsaid(self, start):
        self.answer(start, said="bytes */*")

    def lies(self, start):
        """Says that it is the rest, and sends the beginning."""
        self.answer(start, content=CONTENT if start is None else bytes(start) + CONTENT)

    def waits(self, start):
        self.server.ended.wait(0.7)
        self.answer(start)

    def big(self, start):
        self.answer(start, content=bytes(BIG), size=BIG)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    """`asked`: (name, Range or None) of every request; `sent`: the bytes of every answer; `ended`: wakes what waits."""
    monkeypatch.setenv("CLIPMINI_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(download, "TIMEOUT", 1)  # what the two tests that stall wait for
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.sent, server.ended = [], [], threading.Event()
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.ended.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def part(server, tmp_path):
    """The path of the bytes that arrived."""
    (tmp_path / "cache").mkdir()
    return tmp_path / "cache" / f".file.bin.{SHA256[:12]}.part"


def address(server, name):
    return f"http://127.0.0.1:{server.server_port}/{name}"


def remote(server, *names):
    return Remote("file.bin", [address(server, name) for name in names], SHA256)


def from_byte(start):
    return f"bytes={start}-"


def kept(tmp_path):
    """Everything in the cache but the lock."""
    return {path.name: path.read_bytes() for path in (tmp_path / "cache").iterdir() if path.suffix != ".lock"}


GOOD = ["right", "moved", "unmeasured", "longer_than_said", "dies", "stalls", "in_pieces"]
BAD = ["missing", "busy", "wrong", "long", "drops", "drips"]


@pytest.mark.parametrize("names", [[name] for name in GOOD] + [[name, "right"] for name in BAD], ids="-".join)
def test_the_first_address_with_the_right_bytes_counts(server, tmp_path, names):
    path = fetch(remote(server, *names, "missing"))
    assert path == tmp_path / "cache" / "file.bin" and kept(tmp_path) == {"file.bin": CONTENT}
    assert ("missing", None) not in server.asked[1:]


def test_what_is_there_is_neither_fetched_nor_locked_again(server, monkeypatch):
    path = fetch(remote(server, "right"))
    monkeypatch.setattr(download, "FileLock", None)  # a cache may be read-only
    assert fetch(remote(server, "right")) == path and server.asked == [("right", None)]


def test_a_spoilt_file_is_replaced(server):
    path = fetch(remote(server, "right"))
    path.write_bytes(b"spoilt")
    assert fetch(remote(server, "right")).read_bytes() == CONTENT


def test_a_spoilt_file_stays_until_the_right_one_is_here(server, tmp_path):
    path = fetch(remote(server, "right"))
    path.write_bytes(b"another")
    with pytest.raises(ConnectionError, match="file.bin is there but has another SHA-256 than .*: HTTP Error 404"):
        fetch(remote(server, "missing", "wrong"))
    assert kept(tmp_path) == {"file.bin": b"another"}


def test_the_bytes_reach_the_disk_before_the_name_does(server, monkeypatch):
    order = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(files.os, name, lambda *a, real=real, name=name: (order.append(name), real(*a))[1])
    fetch(remote(server, "right"))
    assert order == ["fsync", "replace"]


WHY = {
    "missing": "HTTP Error 404",
    "busy": "HTTP Error 503",
    "drops": "the connection ended after 0 of 25,600 bytes",
    "wrong": f"expected SHA-256 {SHA256}, got {hashlib.sha256(CONTENT[::-1]).hexdigest()}; discarded",
    "long": f"expected SHA-256 {SHA256}, got {hashlib.sha256(CONTENT + b'more').hexdigest()}; discarded",
}


@pytest.mark.parametrize("name", WHY)
def test_wrong_bytes_are_discarded_and_the_way_out_is_said(server, tmp_path, name):
    with pytest.raises(ConnectionError, match=f"cannot download file.bin .*{name}: {WHY[name]}.*put the file at .*bin, or pass"):
        fetch(remote(server, name))
    assert server.asked == [(name, None)] and kept(tmp_path) == {}


def test_every_address_has_its_reason(server):
    with pytest.raises(ConnectionError, match="missing: HTTP Error 404.*; .*busy: HTTP Error 503.*; .*wrong: expected SHA-256"):
        fetch(remote(server, "missing", "busy", "wrong"))


@pytest.mark.parametrize("urls", [["http://127.0.0.1:9/x"], ["no address"], []])
def test_without_a_network_the_way_out_is_said(server, tmp_path, urls):
    with pytest.raises(ConnectionError, match="Without a network, put the file at .*file.bin, or pass its path$"):
        fetch(Remote("file.bin", urls, SHA256))
    assert kept(tmp_path) == {}


@pytest.mark.parametrize("name", ["dies", "stalls", "in_pieces"])
def test_a_broken_connection_is_resumed_at_the_same_address(server, name):
    fetch(remote(server, name))
    assert server.asked == [(name, None), (name, from_byte(PIECE)), (name, from_byte(2 * PIECE))]


def test_what_arrived_is_kept_for_the_next_address_and_the_next_call(server, part, tmp_path):
    with pytest.raises(ConnectionError, match="ended after 4,995 of 25,600 bytes; .*404.*; the 4,995 bytes that came are kept"):
        fetch(remote(server, "drips", "missing"))
    assert kept(tmp_path) == {part.name: CONTENT[:4995]} and server.sent == [DRIP] * download.CONNECTIONS
    fetch(remote(server, "missing", "drips", "moved"))
    assert server.asked[-2:] == [("moved", from_byte(9990)), ("right", from_byte(9990))] and server.sent[-1] == N - 9990
    assert kept(tmp_path) == {"file.bin": CONTENT}


@pytest.mark.parametrize("name", ["right", "ignores", "has_no_more", "misplaced", "unsaid", "lies"])
def test_a_part_is_completed_whatever_the_server_makes_of_a_range(server, part, tmp_path, name):
    part.write_bytes(CONTENT[:PIECE])
    fetch(remote(server, name))
    restarts = [] if name in ("right", "ignores") else [(name, None)]
    assert server.asked == [(name, from_byte(PIECE)), *restarts] and kept(tmp_path) == {"file.bin": CONTENT}


@pytest.mark.parametrize("name", ["right", "has_no_more", "ignores", "dies"])
@pytest.mark.parametrize("strange", [b"x" * 5000, b"x" * N, CONTENT + b"x"], ids=["short", "whole", "long"])
def test_a_spoilt_part_is_no_obstacle(server, part, tmp_path, name, strange):
    part.write_bytes(strange)
    fetch(remote(server, name))
    assert kept(tmp_path) == {"file.bin": CONTENT}


def test_a_part_that_is_whole_only_gets_its_name(server, part, tmp_path):
    part.write_bytes(CONTENT)
    fetch(remote(server, "has_no_more"))
    assert server.asked == [("has_no_more", from_byte(N))] and server.sent == [] and kept(tmp_path) == {"file.bin": CONTENT}


def test_a_resumed_file_that_is_wrong_is_tried_once_more_and_removed(server, part, tmp_path):
    part.write_bytes(CONTENT[:PIECE])
    with pytest.raises(ConnectionError, match="got .*; discarded"):
        fetch(remote(server, "wrong"))
    assert server.asked == [("wrong", from_byte(PIECE)), ("wrong", None)] and kept(tmp_path) == {}


def test_a_part_of_another_version_is_left_alone(server, part, tmp_path):
    other = part.with_name(".file.bin.0123456789ab.part")
    other.write_bytes(b"x" * PIECE)
    fetch(remote(server, "right"))
    assert server.asked == [("right", None)] and kept(tmp_path) == {"file.bin": CONTENT, other.name: b"x" * PIECE}


def test_a_full_disk_is_said_and_what_fitted_is_resumed(server, tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        with pytest.raises(ValueError, match="cannot write .*file.bin: File too large; make room there, or set CLIPMINI_CACHE"):
            fetch(remote(server, "right", "right"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert len(server.asked) == 1
    fetch(remote(server, "right"))
    assert server.asked[1:] == [("right", from_byte(10_000))] and kept(tmp_path) == {"file.bin": CONTENT}


def test_a_cache_that_cannot_be_written_to_is_said(server, tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(ValueError, match="cannot write .*file.bin: .*set CLIPMINI_CACHE to a folder that you may write to"):
        fetch(remote(server, "right"))
    assert server.asked == []


HOME = Path("/ho" "me/somebody")


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, HOME / ".cache/clipmini"),
        ({"XDG_CACHE_HOME": "/xdg"}, Path("/xdg/clipmini")),
        ({"XDG_CACHE_HOME": ""}, HOME / ".cache/clipmini"),
        ({"XDG_CACHE_HOME": "/xdg", "CLIPMINI_CACHE": "/mine"}, Path("/mine")),
        ({"CLIPMINI_CACHE": "~/mine"}, HOME / "mine"),
        ({"CLIPMINI_CACHE": "~"}, HOME),
        ({"CLIPMINI_CACHE": "mine~"}, Path("mine~")),
        ({"XDG_CACHE_HOME": "/xdg", "CLIPMINI_CACHE": ""}, Path("/xdg/clipmini")),
    ],
)
def test_where_the_cache_is(monkeypatch, environment, expected):
    for name in ("XDG_CACHE_HOME", "CLIPMINI_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(HOME))
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert files.cache_dir() == expected


@pytest.fixture
def nobody(monkeypatch, tmp_path):
    """No HOME, and a user that the system does not know."""

    def unknown(number):
        raise KeyError(f"getpwuid(): uid not found: {number}")

    for name in ("HOME", "XDG_CACHE_HOME", "CLIPMINI_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_a_user_without_a_home_has_a_cache(nobody, monkeypatch, tmp_path):
    assert files.cache_dir() == tmp_path / f"clipmini-{os.getuid()}"
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert files.cache_dir() == Path("/xdg/clipmini")
    monkeypatch.setenv("CLIPMINI_CACHE", "/mine")
    assert files.cache_dir() == Path("/mine")


@pytest.mark.parametrize("name", ["~/mine", "~nobody-of-this-name/mine"])
def test_a_tilde_that_stands_for_nothing_is_said(nobody, monkeypatch, name):
    monkeypatch.setenv("CLIPMINI_CACHE", name)
    with pytest.raises(ValueError, match=f"CLIPMINI_CACHE is '{name}': .*; write the folder in full"):
        files.cache_dir()


def test_a_small_file_has_no_bar(server, capsys):
    fetch(remote(server, "dies"))
    assert capsys.readouterr().err == ""


# Another process imports the module without the package's __init__, which would import torch and take seconds.
ALONE = f"""
import re, sys, time, types
from pathlib import Path
package = sys.modules["clipmini"] = types.ModuleType("clipmini")
package.__path__ = [{str(Path(files.__file__).parent)!r}]
from clipmini.download import Remote, fetch
wanted = Remote("file.bin", sys.argv[2:], sys.argv[1])
"""


def start(code, url, sha256=SHA256):
    command = [sys.executable, "-c", ALONE + code, sha256, url]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_killed_process_is_resumed_by_the_next_one(server, part, tmp_path):
    killed = start("fetch(wanted)", address(server, "hangs"))
    for _ in range(100 * HANGING):
        if part.exists() and part.stat().st_size == DRIP:
            break
        server.ended.wait(0.01)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait(HANGING) == -signal.SIGKILL and kept(tmp_path) == {part.name: CONTENT[:DRIP]}
    following = start("fetch(wanted)", address(server, "right"))
    assert following.wait(HANGING) == 0 and kept(tmp_path) == {"file.bin": CONTENT}
    assert server.asked == [("hangs", None), ("right", from_byte(DRIP))] and server.sent == [DRIP, N - DRIP]


def test_two_processes_download_once(server, tmp_path):
    barrier = f"""
folder = Path({str(tmp_path)!r})
(folder / f"ready {{time.time_ns()}}").touch()
while len(list(folder.glob("ready *"))) < 2:
    time.sleep(0.01)
print(len(fetch(wanted).read_bytes()))
"""
    both = [start(barrier, address(server, "waits")) for _ in range(2)]
    assert [process.communicate(timeout=HANGING)[0] for process in both] == [f"{N}\n"] * 2
    assert server.asked == [("waits", None)] and kept(tmp_path) == {"file.bin": CONTENT}


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of the memory from /proc")
def test_memory_stays_small_and_a_large_file_has_a_bar(server, tmp_path):
    measure = """
def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024
before = peak()
fetch(wanted), fetch(wanted)
print(peak() - before)
"""
    process = start(measure, address(server, "big"), BIG_SHA256)
    out, err = process.communicate(timeout=HANGING)
    assert int(out) < 15_000_000 and (tmp_path / "cache" / "file.bin").stat().st_size == BIG
    assert "file.bin: " in err and "/60.0M " in err and err.splitlines()[-1].strip() == ""
    assert server.asked == [("big", None)]
