"""A checker says what is wrong: each mistake that students make has its sentence."""

import pytest
import torch
import torch.nn.functional as F

import clipmini as cm


def right(image, text, scale):
    image, text = F.normalize(image, dim=-1), F.normalize(text, dim=-1)
    logits = scale * image @ text.T
    labels = torch.arange(len(logits))
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2


def unnormalised(image, text, scale):
    logits = scale * image @ text.T
    labels = torch.arange(len(logits))
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2


def rows_only(image, text, scale):
    image, text = F.normalize(image, dim=-1), F.normalize(text, dim=-1)
    return F.cross_entropy(scale * image @ text.T, torch.arange(len(image)))


MISTAKES = {
    "not been made unit": unnormalised,
    "only the rows": rows_only,
    "only the columns": lambda image, text, scale: rows_only(text, image, scale),
    "take their mean": lambda image, text, scale: 2 * right(image, text, scale),
    "not divided by it": lambda image, text, scale: right(image, text, 1 / scale),
    "has not been used": lambda image, text, scale: right(image, text, 1),
    "exponentiated already": lambda image, text, scale: right(image, text, scale.exp()),
    "the sign is wrong": lambda image, text, scale: -right(image, text, scale),
    "dim=-1": lambda image, text, scale: unnormalised(F.normalize(image, dim=0), F.normalize(text, dim=0), scale),
    "is there a return?": lambda image, text, scale: None,
    "expected a tensor, got float": lambda image, text, scale: right(image, text, scale).item(),
    "expected shape (), got (7,)": lambda image, text, scale: torch.ones(7),
    "not finite": lambda image, text, scale: right(image, text, scale) / 0,
    "Try two pairs by hand": lambda image, text, scale: right(image, text, scale) + 1,
    "it raises ZeroDivisionError": lambda image, text, scale: 1 / 0,
    "expected 2": lambda image, text, scale: right(text.flip(0), image, scale),
}


def unwritten(image, text, scale):
    raise NotImplementedError


def test_the_right_function_is_right(capsys):
    assert cm.course.check("quickstart.loss", right) is True
    assert capsys.readouterr().out == "quickstart.loss: right.\n"


@pytest.mark.parametrize("said", MISTAKES)
def test_a_mistake_is_named(capsys, said):
    assert cm.course.check("quickstart.loss", MISTAKES[said]) is False
    printed = capsys.readouterr().out
    assert said in printed and printed.count("\n") == 1


def test_what_is_not_written_yet_is_no_mistake(capsys):
    assert cm.course.check("quickstart.loss", unwritten) is False
    assert capsys.readouterr().out == "quickstart.loss: not written yet.\n"


def test_a_function_that_changes_its_inputs_does_not_help_itself():
    def spoils(image, text, scale):
        image.copy_(text)
        return right(image, text, scale)

    assert cm.course.check("quickstart.loss", spoils) is False


def test_unknown_exercises_and_things_that_are_no_function_are_refused():
    with pytest.raises(ValueError, match="unknown exercise 'quickstart.lose'; choose from: quickstart.loss"):
        cm.course.check("quickstart.lose", right)
    with pytest.raises(ValueError, match="expected your function for quickstart.loss, got float: pass it without brackets"):
        cm.course.check("quickstart.loss", 0.3)
    assert cm.course.names() == ["quickstart.loss"]
