"""Weights in and out: our own checkpoints, OpenAI's released files, and what other libraries read.

    checkpoint   safetensors with configuration and vocabulary: save, load
    released     the released key names and ours: from_openai, to_openai
    archive      the released files themselves, which are TorchScript archives
    export       folders that open_clip and Hugging Face's transformers load
"""

from clipmini.weights.archive import convert_archive, read_archive, write_archive
from clipmini.weights.checkpoint import check_vocabulary, is_whole, load, save
from clipmini.weights.export import to_huggingface, to_open_clip
from clipmini.weights.released import from_openai, to_openai

__all__ = [
    "check_vocabulary", "convert_archive", "from_openai", "is_whole", "load", "read_archive", "save", "to_huggingface",
    "to_open_clip", "to_openai", "write_archive",
]
