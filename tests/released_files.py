"""What a released file holds, written down from the released classes and not from ours; and tiny files like it."""

import warnings

import torch
from torch import nn

ROOT = ["positional_embedding", "text_projection", "logit_scale"]  # PyTorch lists a module's own parameters before its parts
BLOCK = [
    *("attn.in_proj_weight", "attn.in_proj_bias", "attn.out_proj.weight", "attn.out_proj.bias", "ln_1.weight", "ln_1.bias"),
    *("mlp.c_fc.weight", "mlp.c_fc.bias", "mlp.c_proj.weight", "mlp.c_proj.bias", "ln_2.weight", "ln_2.bias"),
]
BATCH_NORM = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
METADATA = {"input_resolution": 64, "context_length": 13, "vocab_size": 519}
RESNETS = {
    "RN50": (3, 4, 6, 3),
    "RN101": (3, 4, 23, 3),
    "RN50x4": (4, 6, 10, 6),
    "RN50x16": (6, 8, 18, 8),
    "RN50x64": (3, 15, 36, 10),
}
VITS = {"ViT-B/32": 12, "ViT-B/16": 12, "ViT-L/14": 24, "ViT-L/14@336px": 24}


def named(*parts, ends=("weight", "bias")):
    return [f"{part}.{end}" for part in parts for end in ends]


def transformer(prefix, layers):
    return [f"{prefix}.resblocks.{i}.{name}" for i in range(layers) for name in BLOCK]


def vit(layers):
    own = ["visual.class_embedding", "visual.positional_embedding", "visual.proj", "visual.conv1.weight"]
    return [*own, *named("visual.ln_pre"), *transformer("visual.transformer", layers), *named("visual.ln_post")]


def convolutions(prefix):
    return [key for i in (1, 2, 3) for key in (f"{prefix}.conv{i}.weight", *named(f"{prefix}.bn{i}", ends=BATCH_NORM))]


def resnet(layers):
    keys = convolutions("visual")
    for stage, blocks in enumerate(layers, start=1):
        for block in range(blocks):
            prefix = f"visual.layer{stage}.{block}"
            keys += convolutions(prefix)
            if block == 0:
                keys += [f"{prefix}.downsample.0.weight", *named(f"{prefix}.downsample.1", ends=BATCH_NORM)]
    pool = "visual.attnpool"
    return [*keys, f"{pool}.positional_embedding", *named(*(f"{pool}.{x}_proj" for x in "kqvc"))]


def released_keys(name):
    """Every key of a released state_dict, in its order."""
    visual = vit(VITS[name]) if name in VITS else resnet(RESNETS[name])
    return [*ROOT, *visual, *transformer("transformer", 12), "token_embedding.weight", *named("ln_final")]


def write_archive(path, state_dict):
    """A TorchScript archive with these tensors and the three entries beside them, in fp16 as released."""
    root = nn.Module()
    for key, value in (state_dict | {key: torch.tensor(value) for key, value in METADATA.items()}).items():
        *parts, name = key.split(".")
        module = root
        for part in parts:
            if not hasattr(module, part):
                module.add_module(part, nn.Module())
            module = getattr(module, part)
        module.register_buffer(name, value.half() if value.is_floating_point() else value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # newer versions of torch say that they will no longer write such files
        torch.jit.script(root).save(path)
