"""Byte-level byte-pair encoding, as the released models read text (paper section 2.4; Sennrich et al. 2016)."""

import hashlib
import heapq
import html
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache

import ftfy
import regex
import torch
from jaxtyping import Int
from torch import Tensor

SOT, EOT = "<|startoftext|>", "<|endoftext|>"
END_OF_WORD = "</w>"
WORDS = regex.compile(
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+", regex.IGNORECASE
)


class TextTooLong(ValueError, RuntimeError):
    """A text has more tokens than the context; the released code raises RuntimeError, ours is both."""


@lru_cache
def byte_symbols() -> tuple[str, ...]:
    """A printable character for each of the 256 bytes, indexed by byte: printable ones stand for themselves."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [b for b in range(256) if b not in printable]
    table = {b: chr(b) for b in printable} | {b: chr(256 + i) for i, b in enumerate(others)}
    return tuple(table[b] for b in range(256))


def base_symbols() -> list[str]:
    """The 512 ids before any merge: bytes in the released order (printable first), then the same ending a word."""
    table = byte_symbols()
    ordered = sorted(table, key=lambda c: (ord(c) > 255, ord(c)))
    return ordered + [c + END_OF_WORD for c in ordered]


def clean(text: str) -> str:
    """CLIP's cleaning: repair mojibake, unescape HTML twice, collapse white space, lower-case."""
    text = html.unescape(html.unescape(ftfy.fix_text(text)))
    return " ".join(text.split()).lower()


def split_word(word: str) -> tuple[str, ...]:
    """One symbol a UTF-8 byte, the last one marked as the end of the word."""
    table = byte_symbols()
    symbols = [table[b] for b in word.encode()]
    return (*symbols[:-1], symbols[-1] + END_OF_WORD)


class Tokenizer:
    """Text to ids and back: base symbols, then merges in the order in which they were learned, then SOT and EOT.

    EOT has the highest id: the text tower reads a caption there.
    """

    def __init__(self, merges: Iterable[Sequence[str]]):
        self.merges = [tuple(pair) for pair in merges]
        self.symbols = base_symbols() + [a + b for a, b in self.merges] + [SOT, EOT]
        self.ids = {symbol: i for i, symbol in enumerate(self.symbols)}
        self.rank = {pair: i for i, pair in enumerate(self.merges)}
        self._word_cache: dict[str, list[int]] = {SOT: [self.sot], EOT: [self.eot]}

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
        return hashlib.sha256(json.dumps(self.merges).encode()).hexdigest()[:12]

    @classmethod
    def train(cls, texts: Iterable[str], vocab_size: int = 2048) -> "Tokenizer":
        """Learn merges: again and again, join the most frequent pair of neighbouring symbols.

        Ties go to the pair with the smaller ids, so that training is deterministic. Stops early when no pair is left.
        Args: texts: captions. vocab_size: everything counted, at least 514 (512 base symbols, SOT, EOT).
        Raises: ValueError for a smaller vocabulary, an empty corpus, or something that is not a text.
        """
        wanted = vocab_size - len(base_symbols()) - 2
        if wanted < 0:
            raise ValueError(f"vocab_size must be at least {vocab_size - wanted}, for the bytes, SOT and EOT; got {vocab_size}")
        if isinstance(texts, str):
            raise ValueError("expected a collection of texts, got one text: pass [text]")
        words = Counter(word for text in texts for word in WORDS.findall(clean(_check_text(text))))
        for literal in (SOT, EOT):
            words.pop(literal, None)
        if not words:
            raise ValueError("the corpus has no words to learn merges from")
        return cls(learn_merges({split_word(w): n for w, n in words.items()}, wanted))

    def encode(self, text: str) -> list[int]:
        """Ids without SOT and EOT, nothing truncated; the two literals in a text become their ids."""
        return [i for word in WORDS.findall(clean(_check_text(text))) for i in self._encode_word(word)]

    def decode(self, ids: Iterable[int]) -> str:
        """The text of these ids, as the released code joins it: a space after each word.

        Raises: ValueError for an id outside the vocabulary.
        """
        ids = [int(i) for i in ids]
        if outside := [i for i in ids if not 0 <= i < self.vocab_size]:
            raise ValueError(f"ids are 0 to {self.vocab_size - 1}, got {outside[0]}")
        joined = "".join(self.symbols[i] for i in ids)
        byte_of = {c: b for b, c in enumerate(byte_symbols())}
        pieces = joined.replace(END_OF_WORD, " ")
        raw = b"".join(bytes([byte_of[c]]) if c in byte_of else c.encode() for c in pieces)
        return raw.decode(errors="replace")

    def __call__(self, texts: str | Sequence[str], context_length: int = 77, truncate: bool = False) -> Int[Tensor, "N L"]:
        """(N, L) int64: SOT, ids, EOT, padded with zeros.

        Raises: TextTooLong if a text does not fit and truncate is False; with True its last id becomes EOT.
        """
        texts = [texts] if isinstance(texts, str) else list(texts)
        rows = []
        for text in texts:
            ids = [self.sot, *self.encode(text), self.eot]
            if len(ids) > context_length:
                if not truncate:
                    raise TextTooLong(
                        f"Input {text} is too long for context length {context_length}: it has {len(ids)} tokens, SOT "
                        "and EOT included; shorten it, pass truncate=True, or use a model with a longer context"
                    )
                ids = [*ids[: context_length - 1], self.eot]
            rows.append(ids + [0] * (context_length - len(ids)))
        return torch.tensor(rows, dtype=torch.long).view(-1, context_length)

    def _encode_word(self, word: str) -> list[int]:
        if word not in self._word_cache:
            self._word_cache[word] = [self.ids[s] for s in self._merge(split_word(word))]
        return self._word_cache[word]

    def _merge(self, symbols: tuple[str, ...]) -> tuple[str, ...]:
        while len(symbols) > 1:
            pair = min(zip(symbols, symbols[1:], strict=False), key=lambda p: self.rank.get(p, len(self.rank)))
            if pair not in self.rank:
                break
            symbols = join_pair(symbols, pair)
        return symbols


def join_pair(symbols: tuple[str, ...], pair: tuple[str, str]) -> tuple[str, ...]:
    """Join each occurrence of the pair, from the left."""
    out, i = [], 0
    while i < len(symbols):
        if symbols[i : i + 2] == pair:
            out.append(pair[0] + pair[1])
            i += 2
        else:
            out.append(symbols[i])
            i += 1
    return tuple(out)


def learn_merges(words: dict[tuple[str, ...], int], wanted: int) -> list[tuple[str, str]]:
    """The most frequent pairs in order. Counts change only in words that hold the pair, so only these are visited."""
    order = {symbol: i for i, symbol in enumerate(base_symbols())}
    words = [[symbols, n] for symbols, n in words.items()]
    counts, where = Counter(), defaultdict(set)
    for index, (symbols, n) in enumerate(words):
        for pair in zip(symbols, symbols[1:], strict=False):
            counts[pair] += n
            where[pair].add(index)

    def entry(pair):
        return (-counts[pair], order[pair[0]], order[pair[1]], pair)

    heap = [entry(pair) for pair in counts]
    heapq.heapify(heap)
    merges: list[tuple[str, str]] = []
    while heap and len(merges) < wanted:
        count, *_, pair = heapq.heappop(heap)
        if counts[pair] != -count or count == 0:
            continue  # an older count of this pair; the current one is in the heap too
        merges.append(pair)
        order[pair[0] + pair[1]] = len(order)
        changed = set()
        for index in where.pop(pair):
            symbols, n = words[index]
            joined = join_pair(symbols, pair)
            for old in zip(symbols, symbols[1:], strict=False):
                counts[old] -= n
                changed.add(old)
            for new in zip(joined, joined[1:], strict=False):
                counts[new] += n
                where[new].add(index)
                changed.add(new)
            words[index][0] = joined
        for other in changed - {pair}:
            heapq.heappush(heap, entry(other))
    return merges


def _check_text(text) -> str:
    if not isinstance(text, str):
        raise ValueError(f"expected a text (str), got {type(text).__name__}: {text!r}"[:200])
    return text
