"""Downloads, against a server on loopback that sends the right bytes, wrong ones, fewer, or none."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from clipmini.files import Remote, fetch

CONTENT = bytes(range(256)) * 100
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        if self.path == "/missing":
            return self.send_error(404)
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/right")
            return self.end_headers()
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write({"/right": CONTENT, "/wrong": CONTENT[::-1], "/short": CONTENT[:999]}[self.path])

    def log_message(self, *args):
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv("CLIPMINI_CACHE", str(tmp_path / "cache"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def remote(server, *paths):
    return Remote("file.bin", [f"http://127.0.0.1:{server.server_port}{path}" for path in paths], SHA256)


@pytest.mark.parametrize("paths", [["/right"], ["/moved"], ["/missing", "/right"], ["/wrong", "/right"], ["/short", "/right"]])
def test_the_first_address_with_the_right_bytes_counts(server, paths):
    assert fetch(remote(server, *paths)).read_bytes() == CONTENT


def test_what_is_there_is_not_fetched_again(server):
    fetch(remote(server, "/right"))
    fetch(remote(server, "/right"))
    assert server.asked == ["/right"]


def test_a_spoilt_file_is_replaced(server):
    path = fetch(remote(server, "/right"))
    path.write_bytes(b"spoilt")
    assert fetch(remote(server, "/right")).read_bytes() == CONTENT


WRONG = [("/missing", "404"), ("/wrong", f"expected SHA-256 {SHA256}, got"), ("/short", "IncompleteRead")]


@pytest.mark.parametrize(("path", "why"), WRONG)
def test_wrong_bytes_are_discarded_and_the_way_out_is_said(server, tmp_path, path, why):
    with pytest.raises(ConnectionError, match=rf"can not download file.bin .*{why}.*put the file at .*file.bin, or pass"):
        fetch(remote(server, path))
    assert not list(tmp_path.rglob("*.*"))


def test_without_a_server_the_way_out_is_said(server, tmp_path):
    closed = Remote("file.bin", ["http://127.0.0.1:9/x"], SHA256)
    with pytest.raises(ConnectionError, match="or pass its path"):
        fetch(closed)
    cached = tmp_path / "cache" / "file.bin"
    cached.parent.mkdir()
    cached.write_bytes(b"another")
    with pytest.raises(ConnectionError, match="is there but has another SHA-256"):
        fetch(closed)
    assert cached.read_bytes() == b"another"
