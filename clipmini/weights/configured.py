"""Whether a model is what its configuration says: a file keeps weights and the configuration, and nothing else."""

from clipmini.models.clip import CLIP
from clipmini.weights.uncompiled import uncompiled
from clipmini.weights.unfilled import unfilled


def check_is_as_configured(model: CLIP) -> None:
    """Raise ValueError, naming the first part that differs, for a model that a file would bring back as another one."""
    model = uncompiled(model)
    expected, found = _leaves(unfilled(model.config)), _leaves(model)
    for name in {**expected, **found}:
        if expected.get(name) != found.get(name):
            here, made = found.get(name, "nothing"), expected.get(name, "nothing")
            raise ValueError(
                f"the model's {name} is {here}, where its configuration makes {made}: a checkpoint would read back as another "
                "model. Keep its state_dict, and the code that changes it"
            )


def _leaves(model: CLIP) -> dict[str, str]:
    """Its smallest parts, compiled or not, and what each is."""
    parts = model.named_modules()
    return {name.replace("_orig_mod.", ""): repr(part) for name, part in parts if next(part.children(), None) is None}
