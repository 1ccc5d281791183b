"""What counts as texts: a collection of str, each of which is named by its place where it is something else."""

from collections.abc import Iterable, Iterator


def each_text(what: str, texts: Iterable[str]) -> Iterator[str]:
    """The texts of a list, tuple, array or generator, one after another.

    Args:
        what: the name of one of them, for the messages.
        texts: any collection; one text alone is none, though Python would take it letter by letter.
    Raises:
        ValueError: if it is one text, no collection, or an item (which) is not a text.
    """
    if isinstance(texts, str | bytes) or not isinstance(texts, Iterable):
        kind = f"one {what}, {shortened(texts, 60)!r}: pass [{what}]" if isinstance(texts, str) else type(texts).__name__
        raise ValueError(f"expected a list, each item a {what}, got {kind}")
    for i, text in enumerate(texts):
        yield check_text(text, f"{what} {i}: ")


def check_text(text: str, which: str = "") -> str:
    """The text itself. Raises: ValueError, saying which, if it is None, NaN, bytes or anything but a str."""
    if not isinstance(text, str):
        raise ValueError(f"{which}expected a text (str), got {type(text).__name__}: {text!r:.80}")
    return text


def shortened(text: str, width: int = 100) -> str:
    """A text's beginning, for a message."""
    return text if len(text) <= width else text[: width - 3] + "..."
