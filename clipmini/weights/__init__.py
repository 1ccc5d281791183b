"""Weights in and out: our own checkpoints, OpenAI's released files, and what other libraries read.

    checkpoint   safetensors with configuration and vocabulary: save, load
    released     the released key names and ours: from_openai, to_openai
    archive      the released files themselves, which are TorchScript archives (torchscript reads their tensors alone)
    configured   whether a model is what its configuration says
    uncompiled   the names of weights, whether torch.compile wraps their module or not: state_dict, load_state_dict
    export       folders that open_clip and Hugging Face's transformers load
"""

from clipmini.tensors import is_whole
from clipmini.weights.archive import convert_archive, read_archive, write_archive
from clipmini.weights.checkpoint import check_vocabulary, load, save
from clipmini.weights.configured import check_is_as_configured
from clipmini.weights.export import to_huggingface, to_open_clip
from clipmini.weights.released import from_openai, to_openai
from clipmini.weights.uncompiled import load_state_dict, state_dict, uncompiled

__all__ = [
    "check_is_as_configured", "check_vocabulary", "convert_archive", "from_openai", "is_whole", "load", "load_state_dict",
    "read_archive", "save", "state_dict", "to_huggingface", "to_open_clip", "to_openai", "uncompiled", "write_archive",
]
