"""All that the next step depends on, in one file, so that a run goes on as if it had never stopped."""

import json
from pathlib import Path

import torch
from torch import Tensor, nn

from clipmini import tensors as tensors_file
from clipmini.training.loader import Loader
from clipmini.weights import load_state_dict, state_dict
from clipmini.weights.uncompiled import own_name

FORMAT = "clipmini-state-1"


class TrainingState:
    """The moving parts of a training: weights, Adam's moments, the order of the data, every source of random numbers.

    Args:
        parts: what has a state_dict of tensors, by name.
        loader: whose `rows` are the epoch's order, and whose `generator` draws batches and augmentations.
    """

    def __init__(
        self, parts: dict[str, nn.Module], optimizer: torch.optim.Optimizer, scaler: torch.amp.GradScaler, loader: Loader
    ):
        self.parts, self.optimizer, self.scaler, self.loader = parts, optimizer, scaler, loader

    def save(self, path: Path, step: int) -> None:
        """Write the state after a step, in one atomic move. Raises ValueError if the file cannot be written."""
        tensors = {f"{name}.{key}": value for name, part in self.parts.items() for key, value in state_dict(part).items()}
        for i, moments in self.optimizer.state_dict()["state"].items():
            tensors |= {f"adam.{i}.{key}": value for key, value in moments.items()}
        tensors |= {"order": self.loader.rows, "random.generator": self.loader.generator.get_state()}
        tensors["random.own"] = torch.get_rng_state()
        if torch.cuda.is_initialized():
            tensors |= {f"random.cuda.{i}": state for i, state in enumerate(torch.cuda.get_rng_state_all())}
        metadata = {"format": FORMAT, "step": str(step), "scaler": json.dumps(self.scaler.state_dict())}
        metadata["trained"] = json.dumps(self.trained())
        tensors_file.write(path, tensors, metadata)

    def trained(self) -> list[str]:
        """The names of the parameters that the optimizer changes, in its order, which is that of its moments."""
        names = {p: own_name(f"{part}.{name}") for part, module in self.parts.items() for name, p in module.named_parameters()}
        return [names[p] for group in self.optimizer.param_groups for p in group["params"]]

    def load(self, path: Path) -> int:
        """Put everything back; the step after which it was saved. Raises ValueError if the file belongs to other parts."""
        tensors, metadata = tensors_file.read(path)
        if metadata.get("format") != FORMAT:
            raise ValueError(f"{path} is not the state of a training: expected format {FORMAT}, got {metadata.get('format')}")
        if metadata.get("trained", json.dumps(self.trained())) != json.dumps(self.trained()):
            differ = sorted(set(json.loads(metadata["trained"])) ^ set(self.trained()))
            raise ValueError(f"the state in {path} is of a run that trains other parameters: {', '.join(differ[:3])} ...")
        try:
            for name, part in self.parts.items():
                load_state_dict(part, _under(f"{name}.", tensors))
        except RuntimeError as error:
            raise ValueError(f"the state in {path} is of another model or objective: {error}") from error
        groups = self.optimizer.state_dict()["param_groups"]
        moments = {i: _under(f"adam.{i}.", tensors) for group in groups for i in group["params"]}
        self.optimizer.load_state_dict({"state": {i: m for i, m in moments.items() if m}, "param_groups": groups})
        self.scaler.load_state_dict(json.loads(metadata["scaler"]))
        self.loader.rows = tensors["order"]
        self.loader.generator.set_state(tensors["random.generator"])
        torch.set_rng_state(tensors["random.own"])
        if devices := _under("random.cuda.", tensors):
            torch.cuda.set_rng_state_all([devices[key] for key in sorted(devices, key=int)])
        return int(metadata["step"])


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
