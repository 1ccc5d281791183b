"""How a step changes the weights: AdamW, and what it decays (paper section 2.5)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import get_total_norm

from clipmini.config import TrainConfig


def make_optimizer(modules: list[nn.Module], config: TrainConfig) -> torch.optim.AdamW:
    """AdamW with decoupled weight decay on all weights that are not gains or biases (paper section 2.5)."""
    parameters = [p for module in modules for p in module.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},  # gains, biases, class token, temperature
    ]
    return torch.optim.AdamW(groups, lr=config.lr, betas=(config.beta1, config.beta2), eps=config.eps, fused=True)


def gradient_norm(optimizer: torch.optim.Optimizer) -> Float[Tensor, ""]:
    """The length of the gradient of all parameters together."""
    return get_total_norm([p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None])
