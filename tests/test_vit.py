"""The Vision Transformer, patch by patch."""

import pytest
import torch
import torch.nn.functional as F

import clipmini as cm
from clipmini.models.vit import VisionTransformer

CONFIG = cm.ViTConfig(resolution=15, patch=5, width=22, layers=2, heads=2)


@pytest.fixture
def vit(randomise):
    torch.manual_seed(0)
    return randomise(VisionTransformer(CONFIG, embed_dim=13))


@pytest.fixture
def images():
    return torch.randn(7, 3, 15, 15, generator=torch.Generator().manual_seed(1))


def naive(vit, images):
    """Cut the patches by hand, row by row; the class token comes first."""
    out = []
    for image in images:
        tokens = [vit.class_embedding]
        for top in range(0, 15, 5):
            for left in range(0, 15, 5):
                patch = image[:, top : top + 5, left : left + 5]
                tokens.append((vit.conv1.weight * patch).sum(dim=(1, 2, 3)))
        x = torch.stack(tokens) + vit.positional_embedding
        x = F.layer_norm(x, (22,), vit.ln_pre.weight, vit.ln_pre.bias)
        x = vit.transformer(x[None])[0, 0]
        out.append(F.layer_norm(x, (22,), vit.ln_post.weight, vit.ln_post.bias))
    return torch.stack(out)


def test_forward_is_the_naive_one(vit, images):
    torch.testing.assert_close(vit(images, project=False), naive(vit, images), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(vit(images), naive(vit, images) @ vit.proj, atol=1e-5, rtol=1e-4)


def test_shapes(vit, images):
    assert vit.positional_embedding.shape == (1 + 3 * 3, 22)
    assert vit(images).shape == (7, 13)
    assert vit(images, project=False).shape == (7, 22)


def test_images_do_not_see_each_other(vit, images):
    torch.testing.assert_close(vit(images)[2:3], vit(images[2:3]))


def test_every_patch_is_seen_and_its_place_matters(vit, images):
    images.requires_grad_()
    (gradient,) = torch.autograd.grad(vit(images).sum(), images)
    assert (gradient.abs() > 0).all()
    assert not torch.allclose(vit(images), vit(images.flip(-1)), atol=1e-3)


def test_all_parameters_are_used(vit, images):
    vit(images).sum().backward()
    assert [name for name, p in vit.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_there_is_no_bias_in_the_patch_convolution(vit):
    assert vit.conv1.bias is None


def test_resolution_that_does_not_divide_is_refused():
    with pytest.raises(ValueError, match="resolution 16 is not a multiple of patch 5"):
        cm.ViTConfig(resolution=16, patch=5, width=22, layers=1)
