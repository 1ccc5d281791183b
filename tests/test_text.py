"""The text tower is read at its end-of-text token."""

import pytest
import torch
import torch.nn.functional as F

from clipmini.models.text import TextTransformer


@pytest.fixture
def tower(vit_config, randomise):
    torch.manual_seed(0)
    return randomise(TextTransformer(vit_config.text, embed_dim=19)).eval()


@pytest.fixture
def tokens(tok):
    return tok(["red", "blue circle", "a red square", "a", "circle"], 13)


def naive(tower, text):
    """One text, nothing after its end."""
    x = torch.stack([tower.token_embedding.weight[i] + tower.positional_embedding[p] for p, i in enumerate(text)])
    x = tower.transformer(x[None])[0, -1]
    return F.layer_norm(x, (15,), tower.ln_final.weight, tower.ln_final.bias)


def test_forward_is_the_naive_one(tower, tokens):
    texts = [row[: row.tolist().index(tower.eot) + 1].tolist() for row in tokens]
    expected = torch.stack([naive(tower, text) for text in texts])
    torch.testing.assert_close(tower(tokens, project=False), expected, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(tower(tokens), expected @ tower.text_projection, atol=1e-5, rtol=1e-4)


def test_what_follows_the_end_does_not_matter(tower, tokens):
    changed = tokens.clone()
    for row in changed:
        row[row.tolist().index(tower.eot) + 1 :] = 300
    torch.testing.assert_close(tower(changed), tower(tokens))


def test_length_of_the_padding_does_not_matter(tower, tok):
    torch.testing.assert_close(tower(tok("red circle", 13)), tower(tok("red circle", 9)))


def test_a_word_before_the_end_does_matter(tower, tok):
    assert not torch.allclose(tower(tok("red circle", 13)), tower(tok("blue circle", 13)), atol=1e-3)


def test_word_order_matters(tower, tok):
    assert not torch.allclose(tower(tok("red blue", 13)), tower(tok("blue red", 13)), atol=1e-3)


def test_of_two_ends_the_first_counts(tower, tok):
    tokens = tok("red circle", 13)
    twice = tokens.clone()
    twice[0, -1] = tower.eot
    torch.testing.assert_close(tower(twice), tower(tokens))


def test_texts_do_not_see_each_other(tower, tokens):
    torch.testing.assert_close(tower(tokens)[1:2], tower(tokens[1:2]))


def test_missing_end_is_refused(tower, tokens):
    tokens[3][tokens[3] == tower.eot] = 7
    with pytest.raises(ValueError, match="text 3 has no end-of-text token"):
        tower(tokens)


def test_too_long_a_context_is_refused(tower, tok):
    with pytest.raises(ValueError, match="texts of 14 tokens.*context_length=13"):
        tower(tok("red", 14))


def test_all_parameters_are_used(tower, tok):
    tower(tok("red blue circle", 11)).sum().backward()
    assert [name for name, p in tower.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_texts_without_any_token_are_refused(model):
    with pytest.raises(ValueError, match=r"of shape \(N, L\), got torch.int64 \(0, 0\)"):
        model.encode_text(torch.zeros(0, 0, dtype=torch.int64))
