"""Byte-pair encoding against the released vocabulary, an independent encoder and a naive trainer."""

import gzip
from collections import Counter
from pathlib import Path

import open_clip
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from open_clip.tokenizer import SimpleTokenizer

import clipmini as cm
from clipmini.tokenizer import EOT, SOT, WORDS, base_symbols, clean, join_pair, learn_merges, split_word

THEIRS = SimpleTokenizer()
NAMES = ["latin small letter e with acute", "rightwards arrow", "black chess knight", "digit seven", "<<>>", "rock 'n' roll"]


@pytest.fixture(scope="module")
def released():
    path = Path(open_clip.__file__).parent / "bpe_simple_vocab_16e6.txt.gz"
    lines = gzip.decompress(path.read_bytes()).decode().split("\n")
    return cm.Tokenizer([tuple(line.split()) for line in lines[1 : 48_894 + 1]])


def test_the_released_ids(released):
    assert released.vocab_size == 49_408
    assert (released.sot, released.eot) == (49_406, 49_407)
    assert released.encode("a photo of a cat") == [320, 1125, 539, 320, 2368]
    assert released.symbols[:3] == ["!", '"', "#"] and released.symbols[256] == "!</w>"


def test_the_first_512_ids_are_bytes_in_the_released_order():
    theirs = [symbol for symbol, _ in sorted(THEIRS.encoder.items(), key=lambda item: item[1])]
    assert base_symbols() == theirs[:512]


def test_the_rest_of_the_vocabulary_is_the_released_one_too(released):
    theirs = [symbol for symbol, _ in sorted(THEIRS.encoder.items(), key=lambda item: item[1])]
    assert released.symbols[:-2] == theirs[:-2]
    assert released.symbols[-2:] == [SOT, EOT]


@settings(max_examples=300, deadline=None)
@given(st.text())
def test_ids_are_open_clips_on_any_text(text):
    literals = (SOT, EOT, "<start_of_text>", "<end_of_text>")  # open_clip renamed the first two
    assume(not any(literal in clean(text) for literal in literals))
    assert RELEASED().encode(text) == THEIRS.encode(text)


def RELEASED():  # a fixture can not be used under @given
    if not hasattr(RELEASED, "tokenizer"):
        RELEASED.tokenizer = cm.Tokenizer(list(THEIRS.bpe_ranks))
    return RELEASED.tokenizer


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \t\n ",
        "l’humanitÃ©",  # mojibake
        "a 🏴‍☠️ and a 👩🏽‍🚀!!",
        "貓在墊子上 ネコ 고양이",
        "İstanbul ISTANBUL ıi",
        "&amp;lt;b&amp;gt; &amp; &eacute;",
        "\x00\x07 bell \u200b zero width \ufeff",
        "don't we'll I'VE it'ſ",
        "3.14159 ½ Ⅷ ٣",
        "ﬁne ligatures and ﬀ",
        "a</w>b </w>",
        "e\u0301 é",
        "a" * 10_000,
        "words " * 2_000,
        "中文" * 5_000,
    ],
    ids=lambda text: repr(text[:12]),
)
def test_ids_are_open_clips_on_hard_texts(released, text):
    assert released.encode(text) == THEIRS.encode(text)


def test_the_two_literals_become_their_ids(released):
    assert released.encode(f"a {SOT} b {EOT.upper()}") == [320, 49_406, 321, 49_407]


def test_cleaning():
    assert clean("  L’AMOUR \n\t &amp;amp;  toujours ") == "l'amour & toujours"


def naive_merges(words, wanted):
    """Count all pairs anew before every merge."""
    words, first = dict(words), {symbol: i for i, symbol in enumerate(base_symbols())}
    merges = []
    while len(merges) < wanted:
        counts = Counter()
        for symbols, n in words.items():
            for pair in zip(symbols, symbols[1:], strict=False):
                counts[pair] += n
        if not counts:
            break
        best = min(counts, key=lambda pair: (-counts[pair], first[pair[0]], first[pair[1]]))
        merges.append(best)
        first.setdefault("".join(best), len(first))
        merged = Counter()
        for symbols, n in words.items():
            merged[join_pair(symbols, best)] += n
        words = merged
    return merges


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.text("abc", min_size=1, max_size=12), st.integers(1, 3), min_size=1, max_size=8))
def test_merges_are_the_naive_trainers(words):
    words = {split_word(word): n for word, n in words.items()}
    assert learn_merges(words, 60) == naive_merges(words, 60)


def test_merges_are_the_naive_trainers_on_names():
    words = Counter(word for name in NAMES for word in WORDS.findall(clean(name)))
    words = {split_word(word): n for word, n in words.items()}
    assert learn_merges(words, 90) == naive_merges(words, 90)


def test_first_merges_by_hand():
    # aab (2), ab (1): a+b</w> occurs 3 times, a+a twice; then a+ab</w> twice
    assert cm.Tokenizer.train(["aab aab ab"], vocab_size=516).merges == [("a", "b</w>"), ("a", "ab</w>")]


def test_joining_goes_from_the_left():
    assert join_pair(("a", "a", "a"), ("a", "a")) == ("aa", "a")


def test_training_twice_gives_the_same():
    one, two = (cm.Tokenizer.train(NAMES, vocab_size=560) for _ in range(2))
    assert one.merges == two.merges and one.hash == two.hash
    assert cm.Tokenizer.train(NAMES, vocab_size=561).hash != one.hash


def test_vocabulary_counts_everything_and_ends_with_eot():
    tok = cm.Tokenizer.train(NAMES, vocab_size=560)
    assert tok.vocab_size == 560
    assert (tok.sot, tok.eot) == (558, 559)
    assert tok.symbols[-1] == EOT


def test_training_stops_when_no_pair_is_left():
    assert cm.Tokenizer.train(["ab"], vocab_size=2048).vocab_size == 515


@pytest.mark.parametrize("name", NAMES)
def test_names_survive(name):
    tok = cm.Tokenizer.train(NAMES, vocab_size=600)
    assert "".join(tok.decode(tok.encode(name)).split()) == "".join(name.split())


@settings(max_examples=100, deadline=None)
@given(st.lists(st.from_regex(r"[a-zà-öα-ωа-я]{1,9}", fullmatch=True), min_size=1, max_size=5))
def test_words_of_letters_survive(words):
    text = clean(" ".join(words))
    assert RELEASED().decode(RELEASED().encode(text)).strip() == " ".join(WORDS.findall(text))


def test_decode_is_open_clips(released):
    ids = released.encode("hello, world! 3.14 é 貓")
    assert released.decode(ids) == THEIRS.decode(ids)
    assert released.decode(released.encode("hello, world! 3.14")) == "hello , world ! 3 . 1 4 "


def test_decode_refuses_what_is_no_id(released):
    with pytest.raises(ValueError, match="ids are 0 to 49407, got -1"):
        released.decode([-1])
    with pytest.raises(ValueError, match="got 49408"):
        released.decode(torch.tensor([320, 49_408]))


def test_batches_are_open_clips(released):
    texts = ["a photo of a cat", "", "Ünïcode!"]
    assert torch.equal(released(texts), THEIRS(texts))
    assert released(texts).dtype == torch.int64 and released(texts, 11).shape == (3, 11)
    assert released("one text").shape == (1, 77)


def test_too_long_a_text(released):
    with pytest.raises(cm.TextTooLong, match="^Input a photo of a cat is too long for context length 6: it has 7 tokens"):
        released("a photo of a cat", 6)
    assert issubclass(cm.TextTooLong, ValueError) and issubclass(cm.TextTooLong, RuntimeError)
    assert released("a photo of a cat", 7)[0].tolist() == [49_406, 320, 1125, 539, 320, 2368, 49_407]


def test_truncation_ends_with_eot(released):
    assert released("a photo of a cat", 5, truncate=True)[0].tolist() == [49_406, 320, 1125, 539, 49_407]
    assert torch.equal(released("cat " * 99, truncate=True), THEIRS("cat " * 99))


def test_mistakes_are_refused(released):
    with pytest.raises(ValueError, match="vocab_size must be at least 514"):
        cm.Tokenizer.train(NAMES, vocab_size=513)
    with pytest.raises(ValueError, match="no words"):
        cm.Tokenizer.train([" ", ""], vocab_size=600)
    with pytest.raises(ValueError, match="expected a text .str., got int"):
        cm.Tokenizer.train([3])
    with pytest.raises(ValueError, match=r"pass \[text\]"):
        cm.Tokenizer.train("one text")
    with pytest.raises(ValueError, match="expected a text .str., got NoneType"):
        released(["a", None])
