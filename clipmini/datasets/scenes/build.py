"""Many rows: on as many workers as there are cores, and kept on disk."""

from collections.abc import Callable
from contextlib import closing

import numpy as np
import PIL
from joblib import Parallel, cpu_count, delayed
from PIL import features
from tqdm.auto import tqdm

from clipmini.datasets.cache import cached
from clipmini.datasets.scenes.rows import Rows
from clipmini.datasets.scenes.version import VERSION
from clipmini.files import cache_dir

CHUNK = 1_000  # rows that a worker draws at a time
ALONE = 20 * CHUNK  # up to here it takes longer to start workers than to do without


def in_parallel(draw: Callable[[range], Rows], n: int, resolution: int, workers: int | None = None) -> Rows:
    """Rows 0 to n - 1. Workers never decide a byte: every row has its own random numbers."""
    chunks = [range(start, min(start + CHUNK, n)) for start in range(0, n, CHUNK)]
    workers = workers or (1 if n <= ALONE else cpu_count())
    images = np.empty((n, 3, resolution, resolution), np.uint8)
    captions, labels, notes = [], [], []
    parts = Parallel(n_jobs=workers, return_as="generator")(delayed(draw)(chunk) for chunk in chunks)
    bar = tqdm(total=n, desc="drawing scenes, once", unit="pictures", leave=False, disable=n <= 2 * CHUNK)
    with bar, closing(parts):  # after an interrupt, no worker goes on
        for chunk, rows in zip(chunks, parts, strict=True):
            images[chunk.start : chunk.stop] = rows.images
            captions += rows.captions
            labels += rows.labels
            notes += rows.notes
            bar.update(len(chunk))
    return Rows(images, captions, labels, notes)


def kept(name: str, resolution: int, make: Callable[[], Rows]) -> Rows:
    """The rows of this name in the cache, made if need be. Raises ValueError if CLIPMINI_CACHE cannot be written to."""
    libraries = f"{PIL.__version__}-{features.version('freetype2')}"  # what draws has a say in every pixel
    path = cache_dir() / "scenes" / f"{name.replace(' ', '-')}-{resolution}-v{VERSION}-{libraries}.safetensors"
    return Rows.from_arrays(cached(path, lambda: make().to_arrays()))
