"""Between data and the loop: which pairs a step sees, and what is drawn for them."""

import torch
from torch import Tensor

from clipmini.config import TrainConfig
from clipmini.datasets import Pairs
from clipmini.datasets.augmentation import draw
from clipmini.datasets.batch import Batch
from clipmini.tokenizer import Tokenizer


class Loader:
    """Batches of pairs that lie in memory. Every epoch is a fresh permutation, its last incomplete batch dropped."""

    def __init__(self, data: Pairs, tok: Tokenizer, context_length: int, config: TrainConfig, device: torch.device):
        self.batch_size, self.augment, self.device = config.batch_size, config.augment, device
        self.tokens, self.caption_ids = unique_tokens(tok, data.captions, context_length)
        self.pixels = held(data.pixels, device)
        self.generator = torch.Generator().manual_seed(config.seed)
        self.rows = torch.empty(0, dtype=torch.long)

    def batch(self, step: int) -> Batch:
        """The batch of a step. Steps must come in order: an epoch's permutation is drawn when it begins."""
        n = len(self.caption_ids)
        at = step % (n // self.batch_size) * self.batch_size
        if at == 0:
            self.rows = torch.randperm(n, generator=self.generator)
        rows = self.rows[at : at + self.batch_size]
        ids = self.caption_ids[rows]
        return Batch(
            pixels=self.pixels[rows.to(self.pixels.device)].to(self.device),
            tokens=self.tokens[ids].to(self.device),
            caption_ids=ids.to(self.device),
            changes=draw(self.augment, len(rows), self.generator),
        )


def held(pixels: Tensor, device: torch.device) -> Tensor:
    """All pixels on the device, if they take less than a quarter of what is free there; else where they are."""
    if device.type != "cuda" or pixels.nbytes > torch.cuda.mem_get_info(device)[0] / 4:
        return pixels
    return pixels.to(device)


def unique_tokens(tok: Tokenizer, captions: list[str], context_length: int) -> tuple[Tensor, Tensor]:
    """(M, L) tokens of the distinct captions, and (N,) which of them each pair has."""
    index = {caption: i for i, caption in enumerate(dict.fromkeys(captions))}
    return tok(list(index), context_length), torch.tensor([index[caption] for caption in captions])
