"""Released models by name, from a server on loopback that sends a tiny one: fetched once, converted once."""

import hashlib
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import open_clip
import pytest
import torch

import clipmini as cm
from clipmini import cli, download, zoo
from tests.released_files import write_archive

RELEASED = {  # SHA-256 begins with
    "RN50": "afeb0e10",
    "RN101": "8fa8567b",
    "RN50x4": "7e526bd1",
    "RN50x16": "52378b40",
    "RN50x64": "be1cfb55",
    "ViT-B/32": "40d36571",
    "ViT-B/16": "5806e77c",
    "ViT-L/14": "b8cca3fd",
    "ViT-L/14@336px": "3035c92b",
}
VOCABULARY = Path(open_clip.__file__).parent / "bpe_simple_vocab_16e6.txt.gz"
NO_SERVER = "http://127.0.0.1:9/tiny.pt"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache but for the vocabulary."""
    monkeypatch.setenv("CLIPMINI_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    shutil.copy(VOCABULARY, tmp_path / "cache")
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def archive(tmp_path_factory):
    """A model with the released vocabulary and little else."""
    vision = cm.ViTConfig(resolution=16, patch=4, width=22, layers=2)
    text = cm.TextConfig(context_length=13, vocab_size=49408, width=15, layers=2)
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("server") / "tiny.pt"
    write_archive(path, cm.weights.to_openai(cm.CLIP(cm.CLIPConfig(embed_dim=19, vision=vision, text=text))))
    return path


class Handler(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        self.server.asked.append(self.path)


@pytest.fixture
def server(archive):
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=archive.parent))
    server.asked = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def at(monkeypatch, archive):
    """Let there be one released model, tiny, at an address."""

    def change(url):
        sha256 = hashlib.sha256(archive.read_bytes()).hexdigest()
        monkeypatch.setattr(zoo, "released", lambda: {"tiny/4": zoo.Remote("tiny.pt", [url], sha256)})

    return change


@pytest.fixture
def served(server, at, cache):
    at(f"http://127.0.0.1:{server.server_port}/tiny.pt")
    return server


def test_a_released_model_by_name(served, archive):
    model, tok, preprocess = cm.load("tiny/4")
    expected = cm.weights.from_openai(cm.weights.read_archive(archive))
    images, tokens = torch.randn(3, 3, 16, 16), tok(["a photo of a cat", "a dog"], 13)
    assert all(torch.equal(value, expected.state_dict()[name]) for name, value in model.state_dict().items())
    torch.testing.assert_close(model(images, tokens)[0], expected(images, tokens)[0])
    assert tok.encode("a photo of a cat") == [320, 1125, 539, 320, 2368]
    assert preprocess.keywords == {"resolution": 16} and not model.training


def test_the_second_time_nothing_is_fetched_or_converted(served, monkeypatch):
    first = cm.load("tiny/4").model
    monkeypatch.setattr(zoo, "convert_archive", lambda *_: pytest.fail("converted again"))
    monkeypatch.setattr(zoo, "fetch", lambda *_: pytest.fail("fetched again"))
    second = cm.load("tiny/4").model
    assert served.asked == ["/tiny.pt"]
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_a_cache_that_is_read_only_serves_what_it_has(served, monkeypatch):
    first = cm.load("tiny/4").model
    for module in (zoo, download):
        monkeypatch.setattr(module, "FileLock", None)
    assert torch.equal(cm.load("tiny/4").model.logit_scale, first.logit_scale)


def test_a_conversion_that_cannot_be_written_is_said(served, cache, archive, monkeypatch):
    def refuse(lock):
        raise PermissionError(13, "Permission denied")

    shutil.copy(archive, cache)
    monkeypatch.setattr(zoo.FileLock, "acquire", refuse)
    with pytest.raises(ValueError, match="cannot write .*tiny.safetensors: Permission denied; set CLIPMINI_CACHE to a folder"):
        cm.load("tiny/4")


def test_a_conversion_with_a_changed_byte_is_made_again(served, cache):
    first = cm.load("tiny/4").model
    path = cache / "tiny.safetensors"
    whole = path.read_bytes()
    path.unlink()  # the first model reads from it still
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    second = cm.load("tiny/4").model
    assert path.read_bytes() == whole and served.asked == ["/tiny.pt"]
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


@pytest.mark.parametrize("keep", [0, -1])
def test_a_truncated_conversion_is_made_again(served, cache, keep):
    first = cm.load("tiny/4").model
    path = cache / "tiny.safetensors"
    whole = path.read_bytes()
    path.unlink()  # the first model reads from it still
    path.write_bytes(whole[:keep])
    second = cm.load("tiny/4").model
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert served.asked == ["/tiny.pt"]  # the archive was still there


def test_wrong_bytes_are_refused(served, archive, at, cache):
    (archive.parent / "other.pt").write_bytes(b"not the archive")
    at(f"http://127.0.0.1:{served.server_port}/other.pt")
    with pytest.raises(ConnectionError, match="expected SHA-256 .* discarded"):
        cm.load("tiny/4")
    assert not (cache / "tiny.pt").exists() and not (cache / "tiny.safetensors").exists()


def test_without_a_network_the_way_out_is_said(at, cache, archive):
    at(NO_SERVER)
    with pytest.raises(ConnectionError, match="cannot download tiny.pt .*[Rr]efused.*put the file at .*cache/tiny.pt"):
        cm.load("tiny/4")
    shutil.copy(archive, cache)
    assert cm.load("tiny/4").model.config.vision.patch == 4  # and it is the way out


def test_without_a_network_the_command_line_says_so_in_one_sentence(at, cache, capsys):
    at(NO_SERVER)
    assert cli.main(["eval", "tiny/4"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("clipmini: cannot download tiny.pt") and len(error.splitlines()) == 1


def test_unknown_names_list_what_ships_and_what_was_released():
    with pytest.raises(ValueError) as refused:
        cm.load("ViT-B-32")
    assert all(f" {name}," in str(refused.value) for name in [*zoo.names(), *RELEASED])
    assert zoo.names() and not set(zoo.names()) & set(RELEASED)


def test_the_released_addresses():
    remotes = zoo.released()
    assert list(remotes) == list(RELEASED)
    for name, start in RELEASED.items():
        remote, file = remotes[name], name.replace("/", "-").replace("@", "-") + ".pt"
        assert remote.sha256.startswith(start) and len(remote.sha256) == 64 and remote.name == file
        assert remote.urls[0] == f"https://openaipublic.azureedge.net/clip/models/{remote.sha256}/{file}"


def test_every_released_name_is_a_preset():
    assert RELEASED.keys() <= cm.PRESETS.keys()
