"""Chapter 11 with and without a network: a server on loopback plays OpenAI's, with a small model in the released format.

Every cell of the chapter runs, unchanged. What OpenAI published is played by open_clip: its tokenizer, its preprocessing and
its model make the matrix that the chapter has to find.
"""

import contextlib
import csv
import hashlib
import io
import pickle
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import open_clip
import pytest
import skimage
import torch
import torch.nn.functional as F
from PIL import Image
from torchvision.datasets import CIFAR10

import clipmini as cm
from clipmini import files, zoo
from clipmini.download import Remote
from clipmini.tokenizer import tokenizer
from tools import ROOT
from tools.chapters.notebook import code_cells, read

matplotlib.use("Agg")
pytestmark = pytest.mark.slow
PATH = ROOT / "notebooks" / "11_released_weights.ipynb"
PHOTOS = Path(skimage.__file__).parent / "data"
CLASSES = "airplane automobile bird cat deer dog frog horse ship truck".split()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        content = self.server.files.get(self.path)
        if content is None:
            return self.send_error(404)
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def model():
    """A small model with the released one's vocabulary, context, resolution and number of arrays."""
    torch.manual_seed(0)
    model = cm.CLIP(cm.CLIPConfig(
        embed_dim=64,
        vision=cm.ViTConfig(resolution=224, patch=32, width=64, layers=12),
        text=cm.TextConfig(context_length=77, vocab_size=49_408, width=64, layers=12),
    ))
    for parameter in model.parameters():
        parameter.data.add_(0.1 * torch.randn_like(parameter))
    return model.eval()


def cifar_archive():
    """500 random pictures as CIFAR-10 is packed."""
    rng = np.random.default_rng(0)
    batch = {"data": rng.integers(0, 256, (500, 3072), dtype=np.uint8), "labels": rng.integers(0, 10, 500).tolist()}
    parts = {"test_batch": pickle.dumps(batch), "batches.meta": pickle.dumps({"label_names": CLASSES})}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, content in parts.items():
            info = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue(), {name: hashlib.md5(content).hexdigest() for name, content in parts.items()}


@pytest.fixture
def network(model, tmp_path, monkeypatch):
    """A server with an archive, the released vocabulary and a CIFAR-10; all addresses lead to it."""
    monkeypatch.setenv("CLIPMINI_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    cm.weights.write_archive(model, tmp_path / "model.pt")
    vocabulary = Path(open_clip.__file__).parent / "bpe_simple_vocab_16e6.txt.gz"
    archive, sums = cifar_archive()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.files = {"/model.pt": (tmp_path / "model.pt").read_bytes(), "/vocabulary": vocabulary.read_bytes(), "/cifar": archive}
    threading.Thread(target=server.serve_forever, daemon=True).start()
    here = f"http://127.0.0.1:{server.server_port}"
    sha256 = hashlib.sha256(server.files["/model.pt"]).hexdigest()
    monkeypatch.setattr(zoo, "released", lambda: {"ViT-B/32": Remote("ViT-B-32.pt", [here + "/model.pt"], sha256)})
    released = tokenizer.RELEASED  # its SHA-256 stays the real one
    monkeypatch.setattr(tokenizer, "RELEASED", Remote(released.name, [here + "/vocabulary"], released.sha256))
    meta = {"filename": "batches.meta", "key": "label_names", "md5": sums["batches.meta"]}
    changes = {"url": here + "/cifar", "tgz_md5": hashlib.md5(archive).hexdigest(), "train_list": [], "meta": meta,
               "test_list": [["test_batch", sums["test_batch"]]]}
    for name, value in changes.items():
        monkeypatch.setattr(CIFAR10, name, value)
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def published(model, tmp_path, monkeypatch):
    """The matrix of the served model as open_clip computes it, in place of OpenAI's."""
    true_path = files.package_data("openai_eight_similarity.csv")
    with open(true_path, encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    cm.weights.write_archive(model, tmp_path / "model.pt")
    cm.weights.to_open_clip(cm.weights.from_openai(cm.weights.read_archive(tmp_path / "model.pt")), tmp_path / "twin")
    twin = open_clip.create_model(f"local-dir:{tmp_path / 'twin'}").eval()
    transform = open_clip.image_transform(224, is_train=False, mean=cm.transforms.MEAN, std=cm.transforms.STD)
    photos = [Image.open(next(PHOTOS.glob(f"{name}.*"))).convert("RGB") for name in header[1:]]
    with torch.no_grad():
        image = F.normalize(twin.encode_image(torch.stack([transform(photo) for photo in photos])), dim=-1)
        text = F.normalize(twin.encode_text(open_clip.tokenize(["This is " + row[0] for row in rows])), dim=-1)
    path = tmp_path / "openai_eight_similarity.csv"
    printed = [[f"{x:.2f}" for x in line] for line in text @ image.T]
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *([row[0], *line] for row, line in zip(rows, printed, strict=True))])
    monkeypatch.setattr(files, "package_data", lambda name: path if name == path.name else true_path.parent / name)


def run_chapter() -> str:
    """What the chapter prints when all its cells run as they are stored."""
    names, out = {}, io.StringIO()
    with contextlib.redirect_stdout(out):
        for number, cell in enumerate(code_cells(read(PATH))):
            exec(compile(cell.source, f"chapter 11, code cell {number}", "exec"), names)
            plt.close("all")
    return out.getvalue()


def test_every_cell_runs_with_released_weights(network, published, tmp_path):
    (tmp_path / "pictures").mkdir()
    for name in ("mine", "yours"):
        Image.new("L", (300, 260), 90).save(tmp_path / "pictures" / f"{name}.png")
    printed = run_chapter()
    assert "released weights: yes" in printed and "56 of 56 agree" in printed
    assert "skipped" not in printed and "RANDOM" not in printed and "stand-in" not in printed and "False" not in printed
    assert "18 prompts: " in printed and "n = 500, released weights" in printed and "gained: " in printed
    assert [line.split()[0] for line in printed.splitlines()[-3:-1]] == ["mine", "yours"]


def test_control_another_matrix_stops_the_chapter(network):
    """The file that is served is not the released one, so OpenAI's matrix must not be found."""
    with pytest.raises(AssertionError), contextlib.redirect_stdout(io.StringIO()):
        run_chapter()


@pytest.fixture
def no_network(model, tmp_path, monkeypatch):
    """No address answers, and the stand-in is as small as the served model."""
    monkeypatch.setenv("CLIPMINI_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    closed = Remote("ViT-B-32.pt", ["http://127.0.0.1:9/x"], "0" * 64)
    monkeypatch.setattr(zoo, "released", lambda: {"ViT-B/32": closed})
    monkeypatch.setattr(tokenizer, "RELEASED", closed)
    monkeypatch.setitem(cm.PRESETS, "ViT-B/32", model.config)


def test_every_cell_runs_without_a_network(no_network):
    printed = run_chapter()
    assert "released weights: no" in printed and printed.count("skipped") == 1
    assert "released weights)" not in printed and "OpenAI's file" not in printed
    assert printed.count("RANDOM weights, not CLIP's") == 4 and "False" not in printed
