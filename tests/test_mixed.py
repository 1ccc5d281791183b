"""Pictures of one channel and of three in one tensor: what a plain tensor would give, from fewer bytes."""

import copy
import io

import numpy as np
import pytest
import torch

import clipmini as cm
from clipmini.datasets.mixed import Mixed
from clipmini.training.loader import held

N, SHAPE = 11, (11, 3, 7, 5)


def drawn(seed, *shape):
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


@pytest.fixture
def mixed():
    """Seven rows of five pictures in one colour, four of four in colours; two pictures stand in it twice, one nowhere."""
    return Mixed(drawn(0, 5, 1, 7, 5), drawn(1, 4, 3, 7, 5), torch.tensor([-1, 0, -2, -3, 1, 2, -5, 3, -3, -1, 0]))


@pytest.fixture
def dense(mixed):
    rows = [mixed.three[i] if i >= 0 else mixed.one[-1 - i].expand(3, -1, -1) for i in mixed.place.tolist()]
    return torch.stack(rows)


def written(images):
    file = io.BytesIO()
    torch.save(images, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


GATHERED = {  # from the rows that are asked for, to a plain tensor
    "a tensor of rows": lambda x: x[torch.tensor([3, 1, -1, 3])],
    "a table of rows": lambda x: x[torch.tensor([[3, 1], [0, 0]])],
    "32-bit rows": lambda x: x[torch.tensor([2, 9], dtype=torch.int32)],
    "a list": lambda x: x[[0, 4]],
    "an array": lambda x: x[np.array([4, 0])],
    "no rows": lambda x: x[[]],
    "a mask": lambda x: x[torch.arange(N) % 2 == 0],
    "a row": lambda x: x[3],
    "a row from the end": lambda x: x[-2],
    "a row as a tensor": lambda x: x[torch.tensor(7)],
    "a pixel": lambda x: x[5, 1, 2, 3],
    "rows of a slice": lambda x: x[2:8][[5, 0]],
    "index_select": lambda x: x.index_select(0, torch.tensor([6, 6])),
    "parts": lambda x: torch.cat([part.float() for part in x.split(4)]),
    "parts of other sizes": lambda x: x.split([4, 7])[1].float(),
    "iteration": lambda x: torch.stack(list(x)),
}
MIXED = {
    "a slice": lambda x: x[2:9],
    "every third": lambda x: x[1::3],
    "an empty slice": lambda x: x[3:3],
    "narrow": lambda x: x.narrow(0, 2, 4),
    "the same device": lambda x: x.to("cpu"),
    "a copy": lambda x: x.to("cpu", copy=True),
    "contiguous": lambda x: x.contiguous(),
    "clone": lambda x: x[2:].clone(),
    "detach": lambda x: x.detach(),
    "deepcopy": copy.deepcopy,
    "written and read": written,
}
DENSE = {
    "float": lambda x: x.float() / 255,
    "another precision": lambda x: x.to(torch.float64),
    "flatten": lambda x: x.flatten(1),
    "permute": lambda x: x.permute(0, 2, 3, 1),
    "expand": lambda x: x.expand(-1, 3, -1, -1),
    "channels last": lambda x: x.contiguous(memory_format=torch.channels_last),
    "one channel": lambda x: x[:, :1],
    "rows and a channel": lambda x: x[torch.tensor([3, 1]), 0],
    "rows and channels": lambda x: x[torch.tensor([3, 1]), torch.tensor([0, 2])],
    "a column": lambda x: x[..., 0],
    "split of channels": lambda x: x.split(2, dim=1)[0],
    "channels by index_select": lambda x: x.index_select(1, torch.tensor([2, 0])),
    "cat": lambda x: torch.cat([x, x]),
    "stack": lambda x: torch.stack([x, x]),
    "a comparison": lambda x: x == x.clone(),
    "roll": lambda x: x.roll(1, -1),
    "flip": lambda x: x.flip(0),
    "a mean": lambda x: x.float().mean(),
    "an array": lambda x: torch.from_numpy(np.asarray(x)),
    "numpy": lambda x: torch.from_numpy(x.numpy()),
    "a nested list": lambda x: torch.tensor(x.tolist()),
    "written into another": lambda x: torch.zeros(SHAPE, dtype=torch.uint8).copy_(x),
    "normalised": cm.transforms.normalize,
}


@pytest.mark.parametrize("name", GATHERED | MIXED | DENSE)
def test_it_is_what_a_plain_tensor_is(mixed, dense, name):
    operation = (GATHERED | MIXED | DENSE)[name]
    found, expected = operation(mixed), operation(dense)
    assert type(found) is (Mixed if name in MIXED else torch.Tensor)
    assert found.shape == expected.shape and found.dtype == expected.dtype and torch.equal(found, expected)


@pytest.mark.parametrize("name", GATHERED)
def test_only_rows_that_are_asked_for_are_made_dense(mixed, monkeypatch, name):
    made, dense = [], Mixed.dense
    monkeypatch.setattr(Mixed, "dense", lambda self: made.append(len(self)) or dense(self))
    GATHERED[name](mixed)
    assert made and max(made) < N


def test_what_a_tensor_tells_of_itself(mixed, dense):
    assert isinstance(mixed, torch.Tensor) and (len(mixed), mixed.shape, mixed.ndim) == (N, SHAPE, 4)
    assert (mixed.dtype, mixed.device) == (torch.uint8, dense.device)
    assert (mixed.numel(), mixed.stride()) == (dense.numel(), dense.stride())
    assert repr(mixed) == f"Mixed(11 pictures of (7, 5) px: {5 * 35 + 4 * 105 + 11 * 8:,} bytes, device=cpu)"


def test_pictures_in_one_colour_take_a_third():
    n, colours = 60_000, 10_000
    one, three = torch.zeros(n - colours, 1, 4, 8, dtype=torch.uint8), torch.zeros(colours, 3, 4, 8, dtype=torch.uint8)
    images = Mixed(one, three, torch.cat([~torch.arange(n - colours), torch.arange(colours)]))
    parts = sum(part.untyped_storage().nbytes() for part in (images.one, images.three, images.place))
    assert images.nbytes == parts == (n - colours) * 32 + colours * 96 + n * 8
    half = images[::2].clone()  # a slice shares, a copy leaves behind what it does not show
    assert half.nbytes == parts / 2 and images[::2].one is one
    assert held(images, torch.device("cpu")) is images


def test_on_another_device(mixed):
    there = mixed[:3].to("meta")
    assert type(there) is Mixed and there.device.type == "meta" and there.shape == (3, *SHAPE[1:])
    assert (len(there.one), len(there.three)) == (2, 1)


@pytest.mark.parametrize(("one", "three", "place"), [(3, 0, [-2, -1]), (0, 3, [2, 0]), (3, 3, [])])
def test_of_one_kind_only_or_empty(one, three, place):
    images = Mixed(drawn(0, one, 1, 4, 4), drawn(1, three, 3, 4, 4), torch.tensor(place, dtype=torch.long))
    expected = [images.one[-1 - i].expand(3, -1, -1) if i < 0 else images.three[i] for i in place]
    assert torch.equal(images.dense(), torch.stack(expected) if place else torch.empty(0, 3, 4, 4, dtype=torch.uint8))
    assert torch.equal(images.take(slice(None, None, 1)), images)


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.fill_(0),
        lambda x: x.mul_(2),
        lambda x: x[:2].fill_(1),
        lambda x: x.__setitem__(0, 3),
        lambda x: torch.add(x.dense(), x.dense(), out=x),
    ],
)
def test_a_change_in_place_is_refused(mixed, dense, change):
    """It would change a copy, and nobody would know."""
    with pytest.raises(ValueError, match="cannot be changed in place: change what .dense"):
        change(mixed)
    assert torch.equal(mixed, dense)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"one": drawn(0, 5, 3, 7, 5)}, r"expected a tensor of uint8 images of shape \(N, 1, H, W\), got torch.uint8 \(5, 3"),
        ({"three": torch.zeros(4, 3, 7, 5)}, r"uint8 images of shape \(N, 3, H, W\), got torch.float32"),
        ({"three": drawn(0, 4, 3, 5, 7)}, r"expected images of one size, got \(7, 5\) and \(5, 7\)"),
        ({"place": torch.zeros(4)}, r"expected places as int64 \(N,\), got torch.float32 \(4,\)"),
    ],
)
def test_parts_that_do_not_fit_are_refused(mixed, parts, message):
    with pytest.raises(ValueError, match=message):
        Mixed(**{"one": mixed.one, "three": mixed.three, "place": mixed.place} | parts)


def test_pairs_keep_it_small(mixed, dense):
    small, plain = (cm.datasets.Pairs(name="p", split="train", images=x, captions=list("abcdefghijk")) for x in (mixed, dense))
    rows = [9, 4, 4, 0]
    part = small.subset(rows)
    assert type(part.images) is type(part.pixels) is Mixed and part.images.nbytes == 2 * 35 + 2 * 105 + 4 * 8
    assert torch.equal(part.images, plain.subset(rows).images) and part.captions == list("jeea")
    assert torch.equal((small + plain).images, torch.cat([dense, dense]))
