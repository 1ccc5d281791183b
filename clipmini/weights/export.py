"""Trained here, loaded elsewhere: folders that open_clip and Hugging Face's transformers read."""

import json
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from clipmini.config import CLIPConfig, ResNetConfig, TextConfig, ViTConfig
from clipmini.files import atomic_write
from clipmini.models.clip import CLIP
from clipmini.weights.released import released_names
from clipmini.weights.uncompiled import uncompiled


def to_open_clip(model: CLIP, folder: str | Path) -> None:
    """Write a folder that open_clip.create_model("local-dir:FOLDER") loads.

    Raises: ValueError for a ResNet of other than four stages, which open_clip does not build.
    """
    config = {"model_cfg": open_clip_config(uncompiled(model).config)}
    _write(folder, "open_clip_config.json", config, "open_clip_model.safetensors", released_names(model))


def open_clip_config(config: CLIPConfig) -> dict:
    """A configuration as open_clip spells it."""
    vision, text = config.vision, config.text
    cfg = {"image_size": vision.resolution, "layers": vision.layers, "width": vision.width}
    if isinstance(vision, ViTConfig):
        cfg |= {"patch_size": vision.patch, "head_width": vision.width // vision.heads}
    elif len(vision.layers) == 4:
        cfg |= {"head_width": vision.out_width // vision.heads}
    else:
        raise ValueError(f"open_clip builds ResNets of four stages, this one has {len(vision.layers)}")
    text_cfg = {name: getattr(text, name) for name in ("context_length", "vocab_size", "width", "heads", "layers")}
    return {"embed_dim": config.embed_dim, "quick_gelu": True, "vision_cfg": cfg, "text_cfg": text_cfg}


def to_huggingface(model: CLIP, folder: str | Path) -> None:
    """Write a folder that transformers.CLIPModel.from_pretrained(FOLDER) loads.

    Raises: ValueError for a ResNet, which transformers' CLIP does not have.
    """
    config = huggingface_config(uncompiled(model).config)
    weights = {}
    for key, value in released_names(model).items():
        weights |= _huggingface(key, value)
    _write(folder, "config.json", config, "model.safetensors", weights)


def huggingface_config(config: CLIPConfig) -> dict:
    """A configuration as transformers spells it."""
    vision, text = config.vision, config.text
    if isinstance(vision, ResNetConfig):
        raise ValueError("transformers' CLIPModel has Vision Transformers only, this model has a ResNet: export it to open_clip")
    end = text.vocab_size - 1
    words = {"vocab_size": text.vocab_size, "max_position_embeddings": text.context_length, "eos_token_id": end}
    patches = {"image_size": vision.resolution, "patch_size": vision.patch}
    return {
        "architectures": ["CLIPModel"],
        "model_type": "clip",
        "projection_dim": config.embed_dim,
        "text_config": _tower(text, config.embed_dim) | words | {"bos_token_id": end - 1, "pad_token_id": 0},
        "vision_config": _tower(vision, config.embed_dim) | patches,
    }


def _tower(config: ViTConfig | TextConfig, embed_dim: int) -> dict:
    return {
        "hidden_size": config.width,
        "intermediate_size": 4 * config.width,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "projection_dim": embed_dim,
        "hidden_act": "quick_gelu",
        "layer_norm_eps": 1e-5,
    }


TOP = {
    "logit_scale": "logit_scale",
    "positional_embedding": "text_model.embeddings.position_embedding.weight",
    "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
    "visual.class_embedding": "vision_model.embeddings.class_embedding",
    "visual.positional_embedding": "vision_model.embeddings.position_embedding.weight",
    "visual.conv1.weight": "vision_model.embeddings.patch_embedding.weight",
}
PROJECTIONS = {"text_projection": "text_projection.weight", "visual.proj": "visual_projection.weight"}
PARTS = {  # in this order: "transformer.resblocks" is part of the key before it
    "visual.transformer.resblocks": "vision_model.encoder.layers",
    "transformer.resblocks": "text_model.encoder.layers",
    "ln_final": "text_model.final_layer_norm",
    "visual.ln_pre": "vision_model.pre_layrnorm",  # so spelled there
    "visual.ln_post": "vision_model.post_layernorm",
    "attn.out_proj": "self_attn.out_proj",
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
}


def _huggingface(key: str, value: Tensor) -> dict[str, Tensor]:
    """One released weight as it is there: a projection is a linear layer, and a query, key and value have one each."""
    if key in TOP:
        return {TOP[key]: value}
    if key in PROJECTIONS:
        return {PROJECTIONS[key]: value.T}
    for ours, theirs in PARTS.items():
        key = key.replace(ours, theirs)
    if ".attn.in_proj_" not in key:
        return {key: value}
    block, kind = key.split(".attn.in_proj_")
    return {f"{block}.self_attn.{x}_proj.{kind}": part for x, part in zip("qkv", value.chunk(3), strict=True)}


def _write(folder: str | Path, config_name: str, config: dict, weights_name: str, weights: dict[str, Tensor]) -> None:
    with atomic_write(Path(folder) / config_name) as partial:
        partial.write_text(json.dumps(config, indent=2) + "\n")
    with atomic_write(Path(folder) / weights_name) as partial:
        save_file({key: value.contiguous().cpu().clone() for key, value in weights.items()}, partial, {"format": "pt"})
