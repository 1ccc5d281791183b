"""What a model and its training cost, from the configuration alone: parameters, multiply-adds, memory, time.

Nothing is computed. The library's own code runs on tensors that have a shape and no contents, and what it asks for is counted.
"""

import weakref
from dataclasses import dataclass

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from clipmini.config import CLIPConfig, ResNetConfig, TrainConfig
from clipmini.datasets.batch import Batch
from clipmini.models.clip import CLIP
from clipmini.objectives.contrastive import Contrastive
from clipmini.training.memory import backward, prepare
from clipmini.training.optimizer import make_optimizer
from clipmini.training.precision import mixed_precision


@dataclass(frozen=True)
class Cost:
    """What `cost` counts. Multiply-adds: of a forward pass, for one image and for one text of full length. Bytes: of one
    training step on a CPU, what the forward pass keeps for the backward pass, and all that exists at the highest point:
    weights, gradients, Adam's two moments and what is kept.
    """

    parameters: int
    image_multiply_adds: int
    text_multiply_adds: int
    activation_bytes: int
    peak_bytes: int

    def hours(self, pairs: int, rate: float) -> float:
        """Training on so many pairs at a rate in multiply-adds a second; a backward pass costs two forward passes."""
        return 3 * pairs * (self.image_multiply_adds + self.text_multiply_adds) / rate / 3600


def cost(config: CLIPConfig, train: TrainConfig | None = None) -> Cost:
    """Count what a model costs, and a step of its training (batch size, precision, chunks, recomputed blocks)."""
    train = train or TrainConfig()
    image, text = multiply_adds(config)
    parameters, activations, peak = step_memory(config, train)
    return Cost(parameters, image, text, activations, peak)


def multiply_adds(config: CLIPConfig) -> tuple[int, int]:
    """Of a forward pass for one image, and for one text of full length: those of matrix products and convolutions."""
    counts = []
    with FakeTensorMode(), torch.no_grad(), sdpa_kernel(SDPBackend.MATH):  # whose products older versions count, too
        model, (images, tokens) = CLIP(config).eval(), _batch(config, 1)
        for encode, inputs in ((model.encode_image, images), (model.encode_text, tokens)):
            with FlopCounterMode(display=False) as counter:
                encode(inputs)
            counts.append(counter.get_total_flops() // 2)
    return tuple(counts)


def published_multiply_adds(config: CLIPConfig) -> int:
    """For one image, as the paper counts them in its "GFLOPs".

    There the attention pool asks once for every position and keeps one answer; ours asks once.
    """
    image, _ = multiply_adds(config)
    if isinstance(config.vision, ResNetConfig):
        positions = (config.vision.resolution // config.vision.stride) ** 2
        with torch.device("meta"):
            pool = CLIP(config).visual.attnpool
        image += positions * (pool.q_proj.weight.numel() + pool.c_proj.weight.numel())
    return image


def step_memory(config: CLIPConfig, train: TrainConfig) -> tuple[int, int, int]:
    """Parameters; bytes that the forward pass keeps; bytes at the highest point of the second step, when Adam has moments."""
    kept = []
    with FakeTensorMode(), Allocations() as memory:
        model = prepare(CLIP(config), recompute=train.recompute)
        optimizer = make_optimizer([model], train)
        autocast, _ = mixed_precision("bf16" if train.precision == "bf16" else "fp32", torch.device("cpu"))
        images, tokens = _batch(config, train.batch_size)
        batch = Batch(pixels=images, tokens=tokens, caption_ids=torch.arange(train.batch_size))

        def between_the_passes(loss: Tensor) -> Tensor:
            kept.append(memory.now - before)
            return loss

        for _ in range(2):
            optimizer.zero_grad(set_to_none=True)
            before = memory.now
            how = {"chunk_size": train.chunk_size, "autocast": autocast, "scale": between_the_passes}
            backward(model, batch, Contrastive(), **how)
            optimizer.step()
    return sum(p.numel() for p in model.parameters()), kept[-1], memory.peak


class Allocations(TorchDispatchMode):
    """Bytes of all tensors that exist, now and at the most."""

    def __init__(self):
        super().__init__()
        self.now = self.peak = 0
        self.known: set[int] = set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, Tensor):
                self._count(tensor.untyped_storage())
        return out

    def _count(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key not in self.known:
            self.known.add(key)
            self.now += size
            self.peak = max(self.peak, self.now)
            weakref.finalize(storage, self._gone, key, size)

    def _gone(self, key: int, size: int) -> None:
        self.known.discard(key)
        self.now -= size


def _batch(config: CLIPConfig, size: int) -> tuple[Tensor, Tensor]:
    side = config.vision.resolution
    return torch.empty(size, 3, side, side), torch.zeros(size, config.text.context_length, dtype=torch.long)
