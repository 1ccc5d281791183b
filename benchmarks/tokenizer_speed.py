"""How fast are encoding and training a vocabulary, against their peers in one run?

Text: docstrings of the installed packages. Encoding: lines a second of our released tokenizer over those of open_clip's,
both made afresh each round, so that neither has seen a word. Training: our time, in scheme "lossless", over that of Hugging
Face's trainer (Rust), which has the same tie rule there; the merges are compared. Prints mean and 95% t-interval over rounds.
"""

import argparse
import ast
import site
import time
from pathlib import Path

import open_clip
from open_clip.tokenizer import SimpleTokenizer
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

import clipmini as cm

VOCABULARY = Path(open_clip.__file__).parent / "bpe_simple_vocab_16e6.txt.gz"


def docstrings(size: int) -> list[str]:
    """Docstrings of installed packages in the order of their paths, until there are `size` bytes."""
    texts, total = [], 0
    for path in sorted(Path(site.getsitepackages()[0]).rglob("*.py")):
        try:
            tree = ast.parse(path.read_text())
        except (SyntaxError, UnicodeDecodeError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and (text := ast.get_docstring(node)):
                texts.append(text)
                total += len(text.encode())
                if total >= size:
                    return texts
    return texts


def timed(work):
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def train_theirs(texts: list[str], vocab_size: int) -> list[str]:
    """Hugging Face's vocabulary of the same size, in order, without SOT and EOT."""
    theirs = Tokenizer(models.BPE())
    theirs.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=vocab_size - 2, initial_alphabet=alphabet, show_progress=False)
    theirs.train_from_iterator(texts, trainer)
    return sorted(theirs.get_vocab(), key=theirs.token_to_id)


def report(what: str, ratios: list[float]) -> None:
    low, high = cm.metrics.t_interval(ratios)
    print(f"{what}: {sum(ratios) / len(ratios):.2f} ({low:.2f} to {high:.2f}, n = {len(ratios)})", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--megabytes", type=float, default=3.0)
    parser.add_argument("--vocab-size", type=int, default=4096)
    args = parser.parse_args()
    texts = docstrings(round(args.megabytes * 1e6))
    lines = [line for text in texts for line in text.splitlines() if line.strip()]
    print(f"{len(texts):,} docstrings, {len(lines):,} lines")

    encoding, rates, training, same = [], [], [], []
    for _ in range(args.rounds):
        theirs, ours = SimpleTokenizer(), cm.Tokenizer.openai(VOCABULARY)
        their_time, their_ids = timed(lambda theirs=theirs: [theirs.encode(line) for line in lines])
        our_time, our_ids = timed(lambda ours=ours: [ours.encode(line) for line in lines])
        rates.append(len(lines) / our_time)
        encoding.append(their_time / our_time)
        their_time, their_symbols = timed(lambda: train_theirs(texts, args.vocab_size))
        our_time, tok = timed(lambda: cm.Tokenizer.train(texts, args.vocab_size, scheme="lossless"))
        training.append(our_time / their_time)
        same.append(our_ids == their_ids and tok.symbols[:-2] == their_symbols)
    report("encoding, times open_clip's lines a second", encoding)
    print(f"  {sorted(rates)[len(rates) // 2]:,.0f} lines a second")
    report("training, times Hugging Face's time", training)
    print(f"  ids and vocabularies equal in every round: {all(same)}")
