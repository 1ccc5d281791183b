"""CIFAR-10 and CIFAR-100, from tiny archives of the same format that a server on loopback has."""

import hashlib
import io
import pickle
import tarfile
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import torch
import torchvision.datasets

import clipmini as cm
from clipmini.cli import main
from clipmini.datasets import cifar, cifar100
from clipmini.download import Remote

PARTS = {
    "CIFAR10": ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch", "batches.meta"],
    "CIFAR100": ["train", "test", "meta"],
}
ROWS = 3  # a part of CIFAR-10
# Which superclass each class is in, in the order of the official labels, as published.
SUPERCLASSES = """
4 1 14 8 0 6 7 7 18 3 3 14 9 18 7 11 3 9 7 11 6 11 5 10 7
6 13 15 3 15 0 11 1 10 12 14 16 9 11 5 5 19 8 8 15 13 14 17 18 10
16 4 17 4 2 0 17 4 18 17 10 3 2 12 12 16 12 1 9 19 2 10 0 1 16
12 9 13 15 13 16 19 2 4 6 19 5 5 8 19 18 1 2 15 6 0 17 8 14 13
""".split()


def picture(seed):
    """A row of an archive: 1024 reds, 1024 greens, 1024 blues."""
    return np.random.default_rng(seed).integers(0, 256, 3072).astype(np.uint8)


def archive(name):
    """A folder of pickles; CIFAR-10 has labels 0, 1, 2, ..., CIFAR-100 has each class twice in train and once in test."""
    files = {}
    for k, part in enumerate(PARTS[name][:-1]):
        labels = [(k * ROWS + i) % 10 for i in range(ROWS)] if name == "CIFAR10" else [*range(100)] * (2 - k)
        pictures = np.stack([picture([k, i]) for i in range(len(labels))])
        files[part] = {"data": pictures, "labels" if name == "CIFAR10" else "fine_labels": labels}
    files[PARTS[name][-1]] = {"label_names": ["a"], "fine_label_names": ["a"]}
    return {part: pickle.dumps(content, protocol=2) for part, content in files.items()}


def tar(folder, files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as out:
        for part, content in files.items():
            entry = tarfile.TarInfo(f"{folder}/{part}")
            entry.size = len(content)
            out.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        content = self.server.files[self.path[1:]]
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def archives():
    return {name: archive(name) for name in PARTS}


@pytest.fixture
def server(tmp_path, monkeypatch, archives):
    """`files`: what it has, by name; `asked`: for what. Checksums are those of the tiny archives."""
    monkeypatch.setenv("CLIPMINI_CACHE", str(tmp_path / "cache"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.files = [], {}
    for name, files in archives.items():
        reader, md5 = getattr(torchvision.datasets, name), {part: hashlib.md5(files[part]).hexdigest() for part in files}
        content = server.files[name] = tar(reader.base_folder, files)
        url = f"http://127.0.0.1:{server.server_port}/{name}"
        file = cifar.ARCHIVES[name].name
        remote = Remote(file, [url], hashlib.sha256(content).hexdigest(), by_path=False)
        monkeypatch.setitem(cifar.ARCHIVES, name, remote)
        *train, test, meta = PARTS[name]
        monkeypatch.setattr(reader, "train_list", [[part, md5[part]] for part in train])
        monkeypatch.setattr(reader, "test_list", [[test, md5[test]]])
        monkeypatch.setattr(reader, "meta", reader.meta | {"md5": md5[meta]})
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_cifar10_is_what_the_archive_holds(server):
    train, test = (cm.datasets.load("cifar10", split) for split in ("train", "test"))
    assert train.labels.tolist() == [i % 10 for i in range(5 * ROWS)] and test.labels.tolist() == [5, 6, 7]
    assert test.images[1].flatten().tolist() == picture([5, 1]).tolist()
    assert train.images[4].flatten().tolist() == picture([1, 1]).tolist() and train.images.dtype == torch.uint8
    assert test.captions == ["a photo of a dog.", "a photo of a frog.", "a photo of a horse."]
    assert len(test.templates) == len(set(test.templates)) == 18 and len(test.classes) == 10
    assert server.asked == ["/CIFAR10"]  # once for both


def test_what_was_unpacked_is_not_asked_for_again(server, tmp_path):
    first = cm.datasets.load("cifar10", "test")
    (tmp_path / "cache" / "cifar-10-python.tar.gz").unlink()
    server.files.clear()
    again = cm.datasets.load("cifar10", "test")
    assert torch.equal(first.images, again.images) and torch.equal(first.labels, again.labels)
    assert {path.suffix for path in (tmp_path / "cache").iterdir()} <= {".safetensors", ".lock"}


def test_cifar100_keeps_twenty_names_from_training(server):
    splits = {split: cm.datasets.load("cifar100", split) for split in cm.datasets.splits("cifar100")}
    train, test, new = (splits[split] for split in ("train", "test", "new_names"))
    assert [len(data) for data in splits.values()] == [160, 80, 20]
    assert train.classes == test.classes and len(test.classes) == 80 and len(new.classes) == 20
    assert not set(train.classes) & set(new.classes) and not set(train.captions) & set(new.captions)
    assert sorted(train.classes + new.classes) == cifar100._all_classes()
    for data in splits.values():
        assert data.captions == [f"a photo of a {data.classes[i]}." for i in data.labels]
        assert data.labels.bincount().tolist() == [len(data) // len(data.classes)] * len(data.classes)


@pytest.mark.parametrize(("split", "part"), [("train", 0), ("test", 1), ("new_names", 1)])
def test_pictures_stay_with_their_names(server, split, part):
    """Row i of the tiny archive is of class i."""
    data, every = cm.datasets.load("cifar100", split), cifar100._all_classes()
    for row in (0, 7, len(data.classes) - 1):
        official = every.index(data.classes[data.labels[row]])
        assert data.images[row].flatten().tolist() == picture([part, official]).tolist()


def test_each_picture_has_a_fine_and_a_coarse_wording(server):
    for split in cifar100.SPLITS:
        data, wordings = cm.datasets.load("cifar100", split), cifar100.wordings(split)
        assert [fine for fine, _ in wordings] == data.captions
        assert len({coarse for _, coarse in wordings}) == 19  # vehicles 1 and 2 are vehicles
    said = dict(cifar100.wordings("train"))
    assert said["a photo of a beaver."] == "a photo of a aquatic mammal."
    assert said["a photo of a tank."] == said["a photo of a bus."] == "a photo of a vehicle."


def test_classes_are_in_the_official_order_and_in_their_superclasses():
    every, groups = cifar100._all_classes(), cifar.words()["cifar100"]
    known = {0: "apple", 1: "aquarium fish", 39: "keyboard", 47: "maple tree", 58: "pickup truck", 83: "sweet pepper", 99: "worm"}
    assert {i: every[i] for i in known} == known and len(set(every)) == 100
    number = {name: i for i, group in enumerate(groups) for name in group["classes"]}
    assert [number[name] for name in every] == list(map(int, SUPERCLASSES))
    assert all(group["held_out"] in group["classes"] for group in groups) and len(groups) == 20
    assert Counter(group["name"] for group in groups)["vehicle"] == 2


@pytest.mark.parametrize("resolution", [16, 33, 64])
def test_other_sizes_are_resized(server, monkeypatch, resolution):
    native = cm.datasets.load("cifar10", "test").images
    images = cm.datasets.load("cifar10", "test", resolution).images
    assert images.shape == (3, 3, resolution, resolution) and images.dtype == torch.uint8
    expected = torch.nn.functional.interpolate(native.float(), (resolution,) * 2, mode="bicubic", antialias=True).clamp(0, 255)
    assert (images.float() - expected).abs().mean() < 0.6  # rounded, and between rows and columns clamped
    monkeypatch.setattr(cifar, "CHUNK", 2)
    assert torch.equal(cm.datasets.load("cifar10", "test", resolution).images, images)


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_wrong_bytes_are_refused(server, tmp_path, name):
    server.files[name.upper()] = server.files[name.upper()][:-1] + b"x"
    with pytest.raises(ConnectionError, match=r"cannot download cifar-.*-python.tar.gz .*expected SHA-256 .*; discarded"):
        cm.datasets.load(name, "test")
    assert not list((tmp_path / "cache").glob("*.tar.gz")) and not list((tmp_path / "cache").glob("*.safetensors"))


def test_without_a_network_the_way_out_is_said_and_works(server, tmp_path, monkeypatch):
    whole, remote = server.files["CIFAR10"], cifar.ARCHIVES["CIFAR10"]
    monkeypatch.setitem(cifar.ARCHIVES, "CIFAR10", Remote(remote.name, ["http://127.0.0.1:9/x"], remote.sha256, by_path=False))
    with pytest.raises(ConnectionError, match=r"Without a network, put the file at \S*cache/cifar-10-python.tar.gz$"):
        cm.datasets.load("cifar10", "test")
    (tmp_path / "cache" / "cifar-10-python.tar.gz").write_bytes(whole)
    assert len(cm.datasets.load("cifar10", "test")) == 3


def test_a_damaged_cache_is_made_again(server, tmp_path):
    first = cm.datasets.load("cifar10", "test").images.clone()
    path = tmp_path / "cache" / "cifar10-v1.safetensors"
    path.write_bytes(path.read_bytes()[:-10])
    assert torch.equal(cm.datasets.load("cifar10", "test").images, first)


def test_the_listing_downloads_nothing(server, monkeypatch, capsys):
    monkeypatch.setattr(cm.datasets, "FAMILIES", ("cifar10", "cifar100"))
    assert main(["datasets"]) == 0
    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    assert [name for name, _ in lines] == [
        "cifar10:train", "cifar10:test", "cifar100:train", "cifar100:test", "cifar100:new_names"
    ]  # fmt: skip
    assert lines[-1][1] == "2,000 images, 20 classes, 170 MB to download once" and server.asked == []
    cm.datasets.load("cifar100", "test")
    assert cm.datasets.about("cifar100", "test").strip() == "8,000 images, 80 classes"


def test_the_real_archives_are_those_that_torchvision_reads():
    for name, remote in cifar.ARCHIVES.items():
        reader = getattr(torchvision.datasets, name)
        assert remote.urls == [reader.url] and remote.name == reader.filename and len(remote.sha256) == 64
