"""CLIP: two towers and a temperature (paper Figure 3)."""

import math
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from clipmini.config import PRESETS, CLIPConfig, ResNetConfig, choose
from clipmini.models.resnet import ModifiedResNet
from clipmini.models.text import TextTransformer
from clipmini.models.vit import VisionTransformer


@contextmanager
def evaluating(module: nn.Module):
    """Evaluation mode without gradients; each part's mode is put back, so that training is never left in eval mode."""
    before = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for part, training in before:
            part.training = training


class CLIP(nn.Module):
    """An image encoder and a text encoder that map into one space (paper section 2.3).

    `logit_scale` is the natural log of the scale, initialised to ln(1 / 0.07).
    """

    def __init__(self, config: CLIPConfig):
        super().__init__()
        self.config = config
        encoder = ModifiedResNet if isinstance(config.vision, ResNetConfig) else VisionTransformer
        self.visual = encoder(config.vision, config.embed_dim)
        self.text = TextTransformer(config.text, config.embed_dim)
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    @classmethod
    def from_preset(cls, name: str) -> "CLIP":
        """A model with fresh weights. Raises ValueError, with the choices, for an unknown name."""
        return cls(choose("preset", name, PRESETS))

    @property
    def context_length(self) -> int:
        """Tokens that a text may have, SOT and EOT included."""
        return self.config.text.context_length

    def encode_image(self, images: Float[Tensor, "N 3 H W"], project: bool = True) -> Float[Tensor, "N features"]:
        """Image features, not normalised (paper section 2.3).

        Args: images: (N, 3, H, W) normalised by `transforms.normalize`. project: False for the features before the
        projection into the shared space.
        Returns: (N, E). Raises: ValueError if the shape or the dtype is another, or the weights are fp16 on a CPU.
        """
        side = self.config.vision.resolution
        if images.ndim != 4 or images.shape[1:] != (3, side, side):
            raise ValueError(f"expected images of shape (N, 3, {side}, {side}), got {tuple(images.shape)}")
        if not images.is_floating_point():
            raise ValueError(f"expected floating-point images, got {images.dtype}: call transforms.normalize first")
        self._check_precision()
        return self.visual(images, project)

    def encode_text(self, tokens: Int[Tensor, "N L"], project: bool = True) -> Float[Tensor, "N features"]:
        """Text features, not normalised (paper section 2.3).

        Args: tokens: (N, L) integers with SOT and EOT. Returns: (N, E).
        Raises: ValueError if a text has no EOT or more tokens than the model has positions, or the weights are fp16 on a CPU.
        """
        if tokens.ndim != 2 or tokens.is_floating_point():
            raise ValueError(f"expected integer tokens of shape (N, L), got {tokens.dtype} {tuple(tokens.shape)}")
        self._check_precision()
        return self.text(tokens, project)

    def _check_precision(self) -> None:
        """Half precision is for devices that compute in it: raise ValueError if the weights are fp16 on a CPU."""
        if self.logit_scale.dtype == torch.float16 and self.logit_scale.device.type == "cpu":
            raise ValueError("the weights are torch.float16 on a CPU, which is slow and inexact there: call model.float() first")

    def forward(self, images: Tensor, tokens: Tensor) -> tuple[Float[Tensor, "N M"], Float[Tensor, "M N"]]:
        """logits_per_image (N, M) and logits_per_text (M, N): cosine similarities times the scale."""
        image = F.normalize(self.encode_image(images), dim=-1)
        text = F.normalize(self.encode_text(tokens), dim=-1)
        logits = self.logit_scale.exp() * image @ text.T
        return logits, logits.T

    def probs(self, images: Tensor, tokens: Tensor) -> Float[Tensor, "N M"]:
        """For each image, a probability over the texts: softmax of its row of logits."""
        return self(images, tokens)[0].softmax(dim=-1)
