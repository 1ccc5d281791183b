"""The text tower (paper section 2.4): a causal Transformer read at the end-of-text token.

Shapes: N texts, L tokens, D width, E embedding.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from clipmini.config import TextConfig
from clipmini.models.eager import has_values
from clipmini.models.layers import LayerNorm, Transformer


class TextTransformer(nn.Module):
    """Tokens, positions, causal blocks; the end-of-text token has seen the whole caption, so its output is the text."""

    def __init__(self, config: TextConfig, embed_dim: int):
        super().__init__()
        self.context_length, self.eot = config.context_length, config.vocab_size - 1
        width = config.width
        self.positional_embedding = nn.Parameter(0.01 * torch.randn(config.context_length, width))
        self.text_projection = nn.Parameter(width**-0.5 * torch.randn(width, embed_dim))
        self.transformer = Transformer(width, config.layers, config.heads, causal=True)
        self.token_embedding = nn.Embedding(config.vocab_size, width)
        self.ln_final = LayerNorm(width)
        nn.init.normal_(self.token_embedding.weight, std=0.02)
        for block in self.transformer.resblocks:
            nn.init.normal_(block.attn.in_proj_weight, std=width**-0.5)
            nn.init.normal_(block.attn.out_proj.weight, std=(2 * config.layers * width) ** -0.5)
            nn.init.normal_(block.mlp.c_fc.weight, std=(2 * width) ** -0.5)
            nn.init.normal_(block.mlp.c_proj.weight, std=(2 * config.layers * width) ** -0.5)

    def forward(self, tokens: Int[Tensor, "N L"], project: bool = True) -> Float[Tensor, "N features"]:
        end_N = self.end_of_text(tokens)
        if has_values(end_N) and end_N.numel():
            tokens = tokens[:, : int(end_N.max()) + 1]  # causal: nothing after the last EOT reaches one
        x_NLD = self.token_embedding(tokens) + self.positional_embedding[: tokens.shape[1]]
        x_NLD = self.transformer(x_NLD)
        x_ND = self.ln_final(x_NLD[torch.arange(tokens.shape[0], device=tokens.device), end_N])
        return x_ND @ self.text_projection if project else x_ND

    def end_of_text(self, tokens: Int[Tensor, "N L"]) -> Int[Tensor, "N"]:
        """The position of each text's first end-of-text token.

        Raises: ValueError if a text has none, or is longer than the positions that were trained.
        """
        if tokens.shape[1] > self.context_length:
            raise ValueError(
                f"texts of {tokens.shape[1]} tokens, but this model has positions for {self.context_length}: "
                f"tokenize with context_length={self.context_length}"
            )
        is_end = tokens == self.eot
        if has_values(is_end) and not is_end.any(dim=1).all():
            missing = (~is_end.any(dim=1)).nonzero()[0].item()
            raise ValueError(
                f"text {missing} has no end-of-text token (id {self.eot}), the place where the text is read: "
                "make tokens with the tokenizer that belongs to this model"
            )
        return is_end.int().argmax(dim=1)
