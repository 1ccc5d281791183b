"""Train the vocabulary that ships, on the names of the glyphs that models train on; write `data/glyphs-vocabulary.txt`."""

import clipmini as cm
from clipmini.files import data_folder

if __name__ == "__main__":
    tok = cm.Tokenizer.train(cm.datasets.load("glyphs", split="train").captions, vocab_size=2048)
    tok.save(data_folder() / "glyphs-vocabulary.txt")
    print(f"{tok.vocab_size:,} ids, {tok.hash}")
