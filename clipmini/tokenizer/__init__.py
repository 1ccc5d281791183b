"""Text to token ids and back (paper section 2.4).

    bpe          byte-level BPE: learn merges, apply them
    tokenizer    Tokenizer: cleaning, vocabulary files, SOT and EOT, padding
    texts        what may be given as texts
"""

from clipmini.tokenizer.tokenizer import TextTooLong, Tokenizer

__all__ = ["TextTooLong", "Tokenizer"]
