"""What open_clip, transformers and we answer to the same examples, and the gradient of every parameter by its released name."""

import torch
import transformers

import clipmini as cm

LOGITS, GRADIENTS = 2e-5, 1e-4  # the largest relative L2 errors in fp32


def logits(model, images, tokens):
    if isinstance(model, cm.CLIP):
        return model(images, tokens)[0]
    if isinstance(model, transformers.CLIPModel):
        return model(pixel_values=images, input_ids=tokens).logits_per_image
    return model.get_logits(images, tokens)[0]


def gradients(model, images, tokens):
    """Of a loss that weighs every logit differently."""
    out = logits(model, images, tokens)
    weights = torch.linspace(-1, 2, out.numel()).view_as(out).sin()
    model.zero_grad()
    (out * weights).sum().backward()
    if isinstance(model, transformers.CLIPModel):
        return transformers_gradients(model)
    return {name.removeprefix("text."): p.grad for name, p in model.named_parameters()}


def transformers_gradients(model):
    """There a projection is a linear layer, so transposed, and a query, key and value have one each."""
    text, vision = model.text_model, model.vision_model
    found = {
        "logit_scale": model.logit_scale.grad,
        "positional_embedding": text.embeddings.position_embedding.weight.grad,
        "token_embedding.weight": text.embeddings.token_embedding.weight.grad,
        "text_projection": model.text_projection.weight.grad.T,
        "visual.class_embedding": vision.embeddings.class_embedding.grad,
        "visual.positional_embedding": vision.embeddings.position_embedding.weight.grad,
        "visual.conv1.weight": vision.embeddings.patch_embedding.weight.grad,
        "visual.proj": model.visual_projection.weight.grad.T,
    }
    norms = {"ln_final": text.final_layer_norm, "visual.ln_pre": vision.pre_layrnorm, "visual.ln_post": vision.post_layernorm}
    linear = {}
    for prefix, tower in (("", text), ("visual.", vision)):
        for i, layer in enumerate(tower.encoder.layers):
            block, attention = f"{prefix}transformer.resblocks.{i}", layer.self_attn
            projections = (attention.q_proj, attention.k_proj, attention.v_proj)
            found[f"{block}.attn.in_proj_weight"] = torch.cat([p.weight.grad for p in projections])
            found[f"{block}.attn.in_proj_bias"] = torch.cat([p.bias.grad for p in projections])
            linear |= {f"{block}.attn.out_proj": attention.out_proj}
            linear |= {f"{block}.mlp.c_fc": layer.mlp.fc1, f"{block}.mlp.c_proj": layer.mlp.fc2}
            norms |= {f"{block}.ln_1": layer.layer_norm1, f"{block}.ln_2": layer.layer_norm2}
    for name, module in (linear | norms).items():
        found |= {f"{name}.weight": module.weight.grad, f"{name}.bias": module.bias.grad}
    return found


def too_far(ours, theirs, examples, relative_error, tolerance=GRADIENTS):
    """The parameters whose gradients differ by more than the tolerance, and by how much."""
    mine, yours = gradients(ours, *examples), gradients(theirs, *examples)
    assert mine.keys() == yours.keys()
    errors = {name: relative_error(mine[name], yours[name]) for name in yours}
    # A shift of all keys changes no softmax: the gradient of a key's bias is rounding error around 0, on both sides.
    for key in [name for name in yours if name.endswith("k_proj.bias")]:
        scale = yours[key.replace("k_proj", "q_proj")].norm()
        errors[key] = max(side[key].norm().item() for side in (mine, yours)) / scale.item()
    return {name: error for name, error in errors.items() if not error <= tolerance}
