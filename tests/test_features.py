"""Features are unit rows where they are compared and raw where they are probed; prompts are averaged on the sphere."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import clipmini as cm
from clipmini.datasets.prompts import fill


@pytest.fixture
def trained(model, randomise):
    return randomise(model)


def test_projected_features_are_unit_rows_and_others_raw(trained, tok, pairs):
    features = cm.embed(trained, tok, pairs)
    torch.testing.assert_close(features.image.norm(dim=1), torch.ones(23))
    torch.testing.assert_close(features.text.norm(dim=1), torch.ones(23))
    raw = cm.embed(trained, tok, pairs, project=False)
    images, tokens = cm.transforms.normalize(pairs.images), tok(pairs.captions, 13)
    trained.eval()
    torch.testing.assert_close(raw.image, trained.encode_image(images, project=False), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(raw.text, trained.encode_text(tokens, project=False), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(
        features.image, F.normalize(trained.encode_image(images), dim=1), atol=1e-4, rtol=1e-4
    )


def test_batch_size_does_not_matter(trained, tok, pairs):
    one, two = cm.embed(trained, tok, pairs), cm.embed(trained, tok, pairs, batch_size=5)
    torch.testing.assert_close(one.image, two.image, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(one.text, two.text, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("training", [True, False])
def test_the_mode_and_the_statistics_are_left_as_they_were(trained, tok, pairs, training):
    trained.train(training)
    before = {name: value.clone() for name, value in trained.state_dict().items()}
    features = cm.embed(trained, tok, pairs)
    assert trained.training is training
    assert all(torch.equal(before[name], value) for name, value in trained.state_dict().items())
    again = cm.embed(trained.eval(), tok, pairs)
    assert torch.equal(features.image, again.image)  # embedded in evaluation mode either way


def test_the_mode_is_put_back_after_an_error(trained, tok, pairs):
    trained.train()
    with pytest.raises(cm.TextTooLong):
        cm.embed_texts(trained, tok, ["red circle " * 9])
    broken = cm.datasets.Pairs(name="broken", split="train", images=pairs.images[..., :15])
    with pytest.raises(ValueError, match="expected images of shape"):
        cm.embed(trained, tok, broken)
    assert trained.training


def test_features_can_be_trained_on(trained, tok, pairs):
    features = cm.embed(trained, tok, pairs)
    for part in (features.image, features.text):
        assert not part.requires_grad and not part.is_inference()


def test_without_captions_there_is_no_text(trained, tok, pairs):
    features = cm.embed(trained, tok, pairs.without_captions())
    assert features.text is None and features.labels is None


def test_texts_that_occur_often_are_encoded_once(trained, tok, monkeypatch):
    seen, encode = [], trained.encode_text
    monkeypatch.setattr(trained, "encode_text", lambda tokens, project: seen.append(len(tokens)) or encode(tokens, project))
    out = cm.embed_texts(trained, tok, ["red", "blue", "red", "red"])
    assert seen == [2]
    assert torch.equal(out[0], out[2]) and not torch.equal(out[0], out[1])


def test_classifier_averages_unit_features(trained, tok):
    names, templates = ["red", "blue", "square"], ["{}", "a {} b"]
    trained.eval()
    expected = []
    for name in names:
        prompts = tok([name, f"a {name} b"], 13)
        expected.append(F.normalize(F.normalize(trained.encode_text(prompts), dim=1).mean(dim=0), dim=0))
    classifier = cm.zeroshot_classifier(trained, tok, names, templates)
    assert classifier.shape == (3, 19)
    torch.testing.assert_close(classifier.norm(dim=1), torch.ones(3))
    torch.testing.assert_close(classifier, torch.stack(expected), atol=1e-5, rtol=1e-4)


def test_classifier_refuses_what_makes_no_prompts(trained, tok):
    with pytest.raises(ValueError, match="template 'a photo' has no {} for the class name"):
        cm.zeroshot_classifier(trained, tok, ["red"], ["{}", "a photo"])
    with pytest.raises(ValueError, match="got 1 and 0"):
        cm.zeroshot_classifier(trained, tok, ["red"], [])
    with pytest.raises(ValueError, match="got 0 and 1"):
        cm.zeroshot_classifier(trained, tok, [], ["{}"])
    with pytest.raises(ValueError, match="no texts"):
        cm.embed_texts(trained, tok, [])


def test_one_text_in_place_of_a_list_is_refused(trained, tok):
    with pytest.raises(ValueError, match=r"got one class name, .red.: pass \[class name\]"):
        cm.zeroshot_classifier(trained, tok, "red", ["{}"])
    with pytest.raises(ValueError, match=r"got one template, .*: pass \[template\]"):
        cm.zeroshot_classifier(trained, tok, ["red"], "a {}")
    with pytest.raises(ValueError, match=r"got one text, '.*': pass \[text\]"):
        cm.embed_texts(trained, tok, "red")
    with pytest.raises(ValueError, match="class name 1: expected a text .str., got int: 7"):
        cm.zeroshot_classifier(trained, tok, ["red", 7], ["{}"])
    with pytest.raises(ValueError, match="text 2: expected a text .str., got float: nan"):
        cm.embed_texts(trained, tok, ["red", "red", float("nan")])


def test_texts_come_in_any_collection(trained, tok):
    names, templates = ["red", "blue", "square"], ["{}", "a {} b"]
    expected = cm.zeroshot_classifier(trained, tok, names, templates)
    for kind in (tuple, np.array, iter):
        assert torch.equal(cm.zeroshot_classifier(trained, tok, kind(names), kind(templates)), expected)
        assert torch.equal(cm.embed_texts(trained, tok, kind(names)), cm.embed_texts(trained, tok, names))


@pytest.mark.parametrize(
    ("template", "prompt"),
    [
        ("{}", "red"), ("{} or {}", "red or red"), ("a {{}}", "a {red}"), ('{} {"a": 1}', 'red {"a": 1}'),
        ("{} {0} {name}", "red {0} {name}"), ("{}{", "red{"), ("%s {}", "%s red"),
    ],
)
def test_a_template_is_text_but_for_its_slots(trained, tok, template, prompt):
    assert fill(template, "red") == prompt
    assert torch.equal(cm.zeroshot_classifier(trained, tok, ["red"], [template]),
                       cm.zeroshot_classifier(trained, tok, [prompt], ["{}"]))


def test_a_name_with_braces_is_not_filled_again():
    assert fill("a {} b", "{}") == "a {} b" and fill("a {} b", "{0}") == "a {0} b"
    with pytest.raises(ValueError, match="template 'a .0.' has no {} for the class name"):
        fill("a {0}", "red")


def test_features_of_half_precision_weights_are_unit_rows_of_fp32(trained, tok, pairs):
    expected = cm.embed(trained, tok, pairs)
    features = cm.embed(trained.bfloat16(), tok, pairs)
    for half, full in ((features.image, expected.image), (features.text, expected.text)):
        assert half.dtype == torch.float32
        torch.testing.assert_close(half.norm(dim=1), torch.ones(23))
        assert (half * full).sum(dim=1).min() > 0.99
