"""CLIP: two towers and a temperature (paper Figure 3)."""

import math
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from clipmini.config import PRESETS, CLIPConfig, ResNetConfig, choose
from clipmini.models.layers import at_least_fp32
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

    @property
    def dtype(self) -> torch.dtype:
        """The precision of the weights, in which `encode_image` takes images."""
        return self.visual.conv1.weight.dtype

    def encode_image(self, images: Float[Tensor, "N 3 H W"], project: bool = True) -> Float[Tensor, "N features"]:
        """Image features, not normalised (paper section 2.3).

        Args:
            images: (N, 3, H, W), normalised by `transforms.normalize`, in the precision of the weights; N may be 0.
            project: False for the features before the projection into the shared space.
        Returns:
            (N, E), or (N, features) before the projection.
        Raises:
            ValueError: if images are no tensor, of another shape or precision, or the weights are fp16 on a CPU.
        """
        self._check_precision()
        self._check_images(images)
        return self.visual(images, project)

    def encode_text(self, tokens: Int[Tensor, "N L"], project: bool = True) -> Float[Tensor, "N features"]:
        """Text features, not normalised (paper section 2.3).

        Args:
            tokens: (N, L), int64 or int32, with SOT and EOT, as `Tokenizer` makes them; N may be 0.
            project: False for the features before the projection into the shared space.
        Returns:
            (N, E), or (N, features) before the projection.
        Raises:
            ValueError: if tokens are no tensor, of another shape or kind, a text has no EOT or more tokens than the model
                has positions, or the weights are fp16 on a CPU.
        """
        if not isinstance(tokens, Tensor):
            raise ValueError(f"expected tokens as a tensor (N, L), got {type(tokens).__name__}: call the tokenizer on texts")
        if tokens.ndim != 2 or tokens.shape[1] == 0 or tokens.dtype not in (torch.int64, torch.int32):
            kind = f"{tokens.dtype} {tuple(tokens.shape)}"
            raise ValueError(f"expected integer tokens, int64 or int32, of shape (N, L), got {kind}")
        self._check_precision()
        return self.text(tokens, project)

    def _check_images(self, images: Tensor) -> None:
        """Raise ValueError, saying what to do, for what `encode_image` cannot read."""
        side, weights = self.config.vision.resolution, self.dtype
        if not isinstance(images, Tensor):
            raise ValueError(
                f"expected images as a tensor (N, 3, {side}, {side}), got {type(images).__name__}: pass torch.as_tensor(array), "
                "or torch.stack(list) of preprocessed pictures"
            )
        if images.ndim != 4 or images.shape[1:] != (3, side, side):
            raise ValueError(f"expected images of shape (N, 3, {side}, {side}), got {tuple(images.shape)}")
        if not images.is_floating_point():
            raise ValueError(f"expected floating-point images, got {images.dtype}: call transforms.normalize first")
        cast = torch.is_autocast_enabled(images.device.type) and images.dtype != torch.float64  # which autocast leaves alone
        if images.dtype != weights and not cast:
            raise ValueError(f"expected images of {weights}, as the weights are, got {images.dtype}: pass images.to({weights})")

    def _check_precision(self) -> None:
        """Half precision is for devices that compute in it: raise ValueError if the weights are fp16 on a CPU."""
        if self.logit_scale.dtype == torch.float16 and self.logit_scale.device.type == "cpu":
            raise ValueError("the weights are torch.float16 on a CPU, which is slow and inexact there: call model.float() first")

    def forward(self, images: Tensor, tokens: Tensor) -> tuple[Float[Tensor, "N M"], Float[Tensor, "M N"]]:
        """logits_per_image (N, M) and logits_per_text (M, N): cosine similarities times the scale, in fp32 or fp64."""
        image, text = at_least_fp32(self.encode_image(images)), at_least_fp32(self.encode_text(tokens))
        with torch.autocast(image.device.type, enabled=False):  # half precision would keep three digits of a logit
            image, text = F.normalize(image, dim=-1), F.normalize(text, dim=-1)
            logits = at_least_fp32(self.logit_scale).exp() * image @ text.T
        return logits, logits.T

    def probs(self, images: Tensor, tokens: Tensor) -> Float[Tensor, "N M"]:
        """For each image, a probability over the texts: softmax of its row of logits."""
        return self(images, tokens)[0].softmax(dim=-1)
