"""A tensor that keeps grey pictures in one channel is, for whoever reads it, the tensor that does not."""

import pytest
import torch

from clipmini.datasets.mixed import Mixed
from clipmini.datasets.pairs import Pairs

GREY, COLOUR = (torch.arange(n * c * 35, dtype=torch.uint8).view(n, c, 5, 7) for n, c in ((7, 1), (4, 3)))
PLACE = torch.tensor([-1, 0, -2, -3, 1, 2, -4, -7, 3, -5, -6, 0, -1])


@pytest.fixture
def mixed():
    return Mixed(GREY, COLOUR, PLACE)


def plain():
    return torch.stack([COLOUR[i] if i >= 0 else GREY[~i].expand(3, -1, -1) for i in PLACE.tolist()])


OPERATIONS = {
    "one": lambda x: x[3],
    "the last": lambda x: x[-1],
    "a slice": lambda x: x[2:9],
    "every other": lambda x: x[::2],
    "a slice of a slice": lambda x: x[2:9][1:3],
    "none": lambda x: x[0:0],
    "a list": lambda x: x[[1, 5, 5]],
    "numbers": lambda x: x[torch.tensor([3, -1, 0])],
    "only grey": lambda x: x[torch.tensor([0, 2])],
    "a mask": lambda x: x[torch.arange(13) % 2 == 0],
    "a table of numbers": lambda x: x[torch.tensor([[1, 2], [3, 4]])],
    "a pixel": lambda x: x[4, 1, 2, 3],
    "a channel": lambda x: x[:, :1],
    "chosen": lambda x: torch.index_select(x, 0, torch.tensor([2, 1])),
    "parts": lambda x: torch.cat(x.split(4)),
    "one by one": lambda x: torch.stack(list(x)),
    "mean": lambda x: x.float().mean((0, 2, 3)),
    "sum": lambda x: x.sum(1),
    "joined": lambda x: torch.cat([x, x]),
    "flat": lambda x: x.flatten(1),
    "turned": lambda x: x.permute(1, 0, 2, 3),
    "converted": lambda x: x.to(torch.float32),
    "copied": lambda x: x.clone(),
    "where it is": lambda x: x.to("cpu"),
    "as an array": lambda x: torch.from_numpy(x.numpy()),
    "one after another": lambda x: x.contiguous(),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_it_reads_as_the_tensor_that_it_stands_for(mixed, name):
    got, expected = OPERATIONS[name](mixed), OPERATIONS[name](plain())
    got = got.dense() if isinstance(got, Mixed) else got
    assert (got.shape, got.dtype) == (expected.shape, expected.dtype)
    assert torch.equal(got, expected)


def test_it_is_a_tensor_and_takes_what_its_parts_take(mixed):
    assert isinstance(mixed, torch.Tensor)
    assert (mixed.shape, mixed.dtype, mixed.ndim, len(mixed)) == ((13, 3, 5, 7), torch.uint8, 4, 13)
    assert mixed.nbytes == 7 * 35 + 4 * 105 + 13 * 8
    assert mixed[2:9].nbytes == 7 * 35 + 4 * 105 + 7 * 8, "a slice shares the pictures"


def test_rows_are_gathered_without_the_rest(mixed, monkeypatch):
    monkeypatch.setattr(Mixed, "dense", lambda self: pytest.fail("all pictures were given three channels"))
    assert mixed[torch.tensor([1, 2])].shape == (2, 3, 5, 7)
    assert mixed[1].shape == (3, 5, 7)
    assert len(mixed.split(5)) == 3
    grey = mixed[torch.tensor([0, 2])]
    assert grey.stride(1) == 0, "grey pictures share one channel"


def test_pairs_of_mixed_pictures_are_pairs(mixed):
    pairs = Pairs(name="a", split="b", images=mixed, captions=[str(i) for i in range(13)])
    assert pairs.pixels is mixed
    assert torch.equal(pairs.subset([1, 0]).images, plain()[[1, 0]])
    assert pairs.subset([0, 2]).pixels.shape == (2, 1, 5, 7)
    assert torch.equal((pairs + pairs).images, plain().repeat(2, 1, 1, 1))
