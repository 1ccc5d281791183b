"""Between data and the loop: which pairs a step sees, and what is drawn for them."""

import torch
from torch import Tensor

from clipmini.config import TrainConfig
from clipmini.datasets import Pairs
from clipmini.datasets.augmentation import draw
from clipmini.datasets.batch import Batch
from clipmini.tokenizer import Tokenizer

CAPTION = 0.5  # how often a picture that has other wordings is seen with its caption


class Loader:
    """Batches of pairs that lie in memory. Every epoch is a fresh permutation, its last incomplete batch dropped.

    Of a picture with several wordings one is drawn each time that it is seen.
    """

    def __init__(self, data: Pairs, tok: Tokenizer, context_length: int, config: TrainConfig, device: torch.device):
        self.batch_size, self.augment, self.device = config.batch_size, config.augment, device
        self.wordings = Wordings(data)
        self.tokens = tok(self.wordings.texts, context_length)
        self.pixels, self.concept = held(data.pixels, device), data.concept
        self.generator = torch.Generator().manual_seed(config.seed)
        self.rows = torch.empty(0, dtype=torch.long)

    def batch(self, step: int) -> Batch:
        """The batch of a step. Steps must come in order: an epoch's permutation is drawn when it begins."""
        n = len(self.pixels)
        at = step % (n // self.batch_size) * self.batch_size
        if at == 0:
            self.rows = torch.randperm(n, generator=self.generator)
        rows = self.rows[at : at + self.batch_size]
        ids = self.wordings.draw(rows, self.generator)
        return Batch(
            pixels=self.pixels[rows.to(self.pixels.device)].to(self.device),
            tokens=self.tokens[ids].to(self.device),
            caption_ids=ids.to(self.device),
            concept_ids=None if self.concept is None else self.concept[rows].to(self.device),
            changes=draw(self.augment, len(rows), self.generator),
        )


def held(pixels: Tensor, device: torch.device) -> Tensor:
    """All pixels on the device, if they take less than a quarter of what is free there; else where they are."""
    if device.type != "cuda" or pixels.nbytes > torch.cuda.mem_get_info(device)[0] / 4:
        return pixels
    return pixels.to(device)


def check_texts(data: Pairs) -> None:
    """Raise ValueError, with the row, for an empty caption or wording: it says nothing of its picture."""
    for i, texts in enumerate(data.wordings or ((caption,) for caption in data.captions)):
        if not all(text.strip() for text in texts):
            raise ValueError(f"{data.name}, split {data.split}: row {i} has an empty text, {texts!r:.80}: leave it out")


class Wordings:
    """The distinct texts of some pairs, M of them, and which of them each pair has: (N, K) numbers, the caption first."""

    def __init__(self, data: Pairs):
        wordings = data.wordings or [(caption,) for caption in data.captions]
        index = {text: i for i, text in enumerate(dict.fromkeys(text for texts in wordings for text in texts))}
        self.texts = list(index)
        self.counts = torch.tensor([len(texts) for texts in wordings])
        self.numbers = torch.zeros(len(wordings), int(self.counts.max()), dtype=torch.long)
        self.numbers[torch.arange(self.numbers.shape[1]) < self.counts[:, None]] = torch.tensor(
            [index[text] for texts in wordings for text in texts]
        )

    def draw(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        """(M,) the text that each of these pairs is seen with; nothing is drawn where no pair has a choice."""
        if self.numbers.shape[1] == 1:
            return self.numbers[rows, 0]
        heads, which = torch.rand(2, len(rows), generator=generator)
        others = self.counts[rows] - 1
        chosen = torch.where((heads < CAPTION) | (others == 0), 0, 1 + (which * others).long())
        return self.numbers[rows, chosen]
