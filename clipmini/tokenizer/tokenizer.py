"""Text to ids and back, as the released models read it (paper section 2.4), and without losing a character."""

import gzip
import hashlib
import html
import json
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import ftfy
import regex
import torch
from jaxtyping import Int
from torch import Tensor

from clipmini.config import choose
from clipmini.download import Remote, fetch
from clipmini.files import atomic_write
from clipmini.tokenizer.bpe import apply_merges, byte_symbols, learn_merges
from clipmini.tokenizer.texts import check_text, each_text, shortened

SOT, EOT = "<|startoftext|>", "<|endoftext|>"
LITERALS = regex.compile(r"(<\|startoftext\|>|<\|endoftext\|>)")
CLIP_WORDS = regex.compile(
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+", regex.IGNORECASE
)
LOSSLESS_WORDS = regex.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")
PLAIN = regex.compile(r"[\t\n -%'-~]*")  # printable ASCII without the ampersand: neither ftfy nor html would change it

RELEASED = Remote(
    name="bpe_simple_vocab_16e6.txt.gz",
    urls=("https://raw.githubusercontent.com/openai/CLIP/main/clip/bpe_simple_vocab_16e6.txt.gz",),
    sha256="924691ac288e54409236115652ad4aa250f48203de50a9e4722a6ecd48d6804a",
)
RELEASED_MERGES = 48_894  # its file holds more; the released models read these
HEADER = regex.compile(r"clipmini vocabulary, scheme (\S+), (\d+) merges")


class TextTooLong(ValueError, RuntimeError):
    """A text has more tokens than the context; the released code raises RuntimeError, ours is both."""


def clean(text: str) -> str:
    """CLIP's cleaning: repair mojibake (half a surrogate pair becomes U+FFFD), unescape HTML twice, one space, lower case."""
    if not PLAIN.fullmatch(text):
        text = html.unescape(html.unescape(ftfy.fix_text(text)))
    return " ".join(text.split()).lower()


def split_lossless(text: str) -> list[str]:
    """GPT-2's split: a word keeps the space before it, so that the pieces joined are the text."""
    parts = LITERALS.split(text)  # text, literal, text, ...
    return [word for i, part in enumerate(parts) for word in ([part] if i % 2 else LOSSLESS_WORDS.findall(part))]


@dataclass(frozen=True)
class Scheme:
    """How text becomes words, and words symbols. end_of_word: marks a word's last symbol; surrogates: codec errors."""

    clean: Callable[[str], str]
    split: Callable[[str], list[str]]
    end_of_word: str
    surrogates: str

    @property
    def base(self) -> list[str]:
        """The symbols before any merge: bytes in the released order (printable first), then those that end a word."""
        symbols = sorted(byte_symbols())
        return symbols + [symbol + self.end_of_word for symbol in symbols] * bool(self.end_of_word)

    def spell(self, word: str) -> tuple[str, ...]:
        """One symbol a UTF-8 byte, the last one marked as the end of the word."""
        table = byte_symbols()
        symbols = [table[b] for b in word.encode(errors=self.surrogates)]
        return (*symbols[:-1], symbols[-1] + self.end_of_word)


SCHEMES = {
    "clip": Scheme(clean, CLIP_WORDS.findall, "</w>", "strict"),
    "lossless": Scheme(str, split_lossless, "", "surrogatepass"),
}


class Tokenizer:
    """Text to ids and back: base symbols, then merges in the order in which they were learned, then SOT and EOT.

    EOT has the highest id: the text tower reads a caption there. Scheme "clip" cleans, splits and marks the end of a
    word as the released code does; in "lossless" decode(encode(text)) == text for any text.
    """

    def __init__(self, merges: Iterable[Sequence[str]], scheme: str = "clip"):
        self.scheme, self._rules = scheme, choose("scheme", scheme, SCHEMES)
        self.merges = [tuple(pair) for pair in merges]
        self.symbols = self._rules.base + [a + b for a, b in self.merges] + [SOT, EOT]
        self.ids = {symbol: i for i, symbol in enumerate(self.symbols)}
        self.rank = {pair: i for i, pair in enumerate(self.merges)}
        self._words: dict[str, list[int]] = {SOT: [self.sot], EOT: [self.eot]}

    @property
    def vocab_size(self) -> int:
        """Everything counts: base symbols, merges, SOT, EOT."""
        return len(self.symbols)

    @property
    def sot(self) -> int:
        return len(self.symbols) - 2

    @property
    def eot(self) -> int:
        return len(self.symbols) - 1

    @property
    def hash(self) -> str:
        """Twelve hexadecimal digits that name this vocabulary; stored with every checkpoint."""
        named = self.merges if self.scheme == "clip" else [self.scheme, *self.merges]
        return hashlib.sha256(json.dumps(named).encode()).hexdigest()[:12]

    @classmethod
    def train(cls, texts: Iterable[str], vocab_size: int = 2048, scheme: str = "clip") -> "Tokenizer":
        """Learn merges: again and again, join the most frequent pair of neighbouring symbols.

        Ties go to the older symbols (`bpe.learn_merges`), so that training is deterministic. Stops early when no pair
        is left.

        Args:
            texts: captions; a generator will do.
            vocab_size: ids, everything counted: at least the base symbols (512, lossless 256), SOT and EOT.
            scheme: a name in SCHEMES.
        Raises:
            ValueError: for a smaller vocabulary, an empty corpus, an unknown scheme, or an item (which) that is no text.
        """
        rules = choose("scheme", scheme, SCHEMES)
        wanted = vocab_size - len(rules.base) - 2
        if wanted < 0:
            raise ValueError(f"vocab_size must be at least {vocab_size - wanted}, for the bytes, SOT and EOT; got {vocab_size}")
        words = Counter(word for text in each_text("text", texts) for word in rules.split(rules.clean(text)))
        for literal in (SOT, EOT):
            words.pop(literal, None)
        if not words:
            raise ValueError("the corpus has no words to learn merges from")
        spelled = {rules.spell(word): n for word, n in words.items()}
        return cls(learn_merges(spelled, wanted, rules.base), scheme)

    @classmethod
    def openai(cls, path: str | Path | None = None) -> "Tokenizer":
        """The vocabulary of the released models: 49,408 ids.

        Args:
            path: of bpe_simple_vocab_16e6.txt.gz; None takes it from the cache, and downloads it there the first time.
        Raises:
            ValueError: if the file is not the released one.
            ConnectionError: saying what to do, if it cannot be had.
        """
        path = fetch(RELEASED) if path is None else Path(path)
        try:
            lines = gzip.decompress(path.read_bytes()).decode().split("\n")
        except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
            raise ValueError(f"{path} cannot be read as {RELEASED.name}: {error}") from error
        if len(lines) <= RELEASED_MERGES:
            raise ValueError(f"{path} has {len(lines)} lines; {RELEASED.name} has a header and at least {RELEASED_MERGES} merges")
        return cls(_read_merges(lines[1 : RELEASED_MERGES + 1], SCHEMES["clip"].base, path))

    def save(self, path: str | Path) -> None:
        """Write a text file: one line that names the scheme, then one merge a line, in order."""
        header = f"clipmini vocabulary, scheme {self.scheme}, {len(self.merges)} merges"
        with atomic_write(path) as partial:
            partial.write_text("\n".join([header, *(f"{a} {b}" for a, b in self.merges), ""]), encoding="utf-8", newline="\n")

    @classmethod
    def load(cls, path: str | Path) -> "Tokenizer":
        """What `save` wrote. Raises: ValueError if the file is missing or cut short, or a line (which) is broken."""
        try:
            header, *lines = Path(path).read_text(encoding="utf-8").rstrip("\n").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"{path} cannot be read as a vocabulary: {error}") from error
        stated = HEADER.fullmatch(header)
        if not stated:
            expected = "clipmini vocabulary, scheme clip, 1534 merges"
            raise ValueError(f"line 1 of {path} should be like {expected!r}; got {header[:80]!r}")
        rules = choose("scheme", stated[1], SCHEMES)
        merges = _read_merges(lines, rules.base, path)
        if len(merges) != int(stated[2]):
            raise ValueError(f"{path} has {len(merges)} merges, but its first line says {stated[2]}: it was cut short or edited")
        return cls(merges, stated[1])

    def encode(self, text: str) -> list[int]:
        """Ids without SOT and EOT, nothing truncated; the two literals in a text become their ids."""
        words, ids = self._words, []
        for word in self._rules.split(self._rules.clean(check_text(text))):
            if word not in words:
                words[word] = [self.ids[symbol] for symbol in apply_merges(self._rules.spell(word), self.rank)]
            ids += words[word]
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        """The text of these ids; in scheme "clip" as the released code joins it, with a space after each word.

        Bytes that are not UTF-8, such as half a character, become U+FFFD. Raises: ValueError for an id outside the vocabulary.
        """
        ids = [int(i) for i in ids]
        if outside := [i for i in ids if not 0 <= i < self.vocab_size]:
            raise ValueError(f"ids are 0 to {self.vocab_size - 1}, got {outside[0]}")
        byte_of = {c: b for b, c in enumerate(byte_symbols())}
        raw = bytes(byte_of[c] for i in ids for c in self.symbols[i])
        try:
            text = raw.decode(errors=self._rules.surrogates)
        except UnicodeDecodeError:
            text = raw.decode(errors="replace")
        return text.replace(self._rules.end_of_word, " ") if self._rules.end_of_word else text

    def __call__(self, texts: str | Sequence[str], context_length: int = 77, truncate: bool = False) -> Int[Tensor, "N L"]:
        """SOT, ids, EOT, padded with zeros.

        Args:
            texts: N texts, or one.
            context_length: L, tokens; SOT and EOT count.
            truncate: cut what does not fit; its last id becomes EOT.
        Returns:
            (N, L) int64.
        Raises:
            TextTooLong: if a text does not fit and truncate is False.
            ValueError: if an item (which) is no text, such as None or NaN.
        """
        if context_length < 2:
            raise ValueError(f"context_length must be at least 2, for SOT and EOT; got {context_length}")
        texts = [texts] if isinstance(texts, str) else list(each_text("text", texts))
        rows = []
        for text in texts:
            ids = [self.sot, *self.encode(text), self.eot]
            if len(ids) > context_length:
                if not truncate:
                    raise TextTooLong(
                        f"Input {shortened(text)} is too long for context length {context_length}: it has {len(ids)} tokens, SOT "
                        "and EOT included; shorten it, pass truncate=True, or use a model with a longer context"
                    )
                ids = [*ids[: context_length - 1], self.eot]
            rows.append(ids + [0] * (context_length - len(ids)))
        return torch.tensor(rows, dtype=torch.long).view(-1, context_length)


def _read_merges(lines: Sequence[str], base: Sequence[str], path: str | Path) -> list[tuple[str, str]]:
    """A pair a line, the first of them on line 2, each symbol a base symbol or made by an earlier line."""
    known, merges = set(base), []
    for number, line in enumerate(lines, start=2):
        pair = tuple(line.removesuffix("\r").split(" "))
        if len(pair) != 2 or not all(pair):
            raise ValueError(f"line {number} of {path} should be two symbols and a space between; got {line[:80]!r}")
        if strangers := [symbol for symbol in pair if symbol not in known]:
            raise ValueError(f"line {number} of {path} joins {strangers[0]!r}, which is no byte and which no earlier line made")
        known.add(pair[0] + pair[1])
        merges.append(pair)
    return merges
