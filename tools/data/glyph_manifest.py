"""Write data/glyphs.csv.gz: every glyph that is drawn, its Unicode name and its split. Run once; the file decides.

Splits go by name, through a hash, so that they do not depend on any order: 10% of the names are new_names, 5% val.
"""

import csv
import gzip
import hashlib
import io
import unicodedata
from pathlib import Path

import matplotlib
from matplotlib.ft2font import FT2Font

from clipmini.datasets.glyphs import MANIFEST, draw
from clipmini.files import atomic_write, data_folder

# Not Computer Modern (mis-encoded: "!" draws an arrow), LastResort (boxes), STIX's size variants or private characters.
SKIPPED = ("cm", "LastResort", "STIXSiz", "STIXNonUni")
ALWAYS_TRAINED = {f"digit {d}" for d in "zero one two three four five six seven eight nine".split()}
RESOLUTION = 32


def split_of(name: str) -> str:
    bucket = int(hashlib.sha256(name.encode()).hexdigest(), 16) % 100
    if name in ALWAYS_TRAINED or bucket >= 15:
        return "train"
    return "new_names" if bucket < 10 else "val"


def rows():
    for path in sorted(Path(matplotlib.get_data_path(), "fonts", "ttf").glob("*.ttf")):
        if path.name.startswith(SKIPPED):
            continue
        for code in sorted(FT2Font(str(path)).get_charmap()):
            name = unicodedata.name(chr(code), "").lower()
            if name and draw(path.name, code, RESOLUTION).min() < 128:  # spaces and joiners leave no ink
                held_out_family = path.name.startswith("STIX")
                yield path.name, code, name, "new_font" if held_out_family else split_of(name)


def without_duplicates(found):
    """Drop what is held out but has the very pixels of a training image: the answer would be in the training set."""
    found = [(row, draw(row[0], row[1], RESOLUTION).tobytes()) for row in found]
    trained = {pixels for row, pixels in found if row[3] == "train"}
    return [row for row, pixels in found if row[3] == "train" or pixels not in trained]


if __name__ == "__main__":
    kept = without_duplicates(rows())
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows((f, f"{c:04X}", n, s) for f, c, n, s in kept)
    with atomic_write(data_folder() / MANIFEST) as partial:
        partial.write_bytes(gzip.compress(text.getvalue().encode(), mtime=0))
    for split in ("train", "val", "new_names", "new_font"):
        names = [row[2] for row in kept if row[3] == split]
        print(f"{split}: {len(names)} glyphs, {len(set(names))} names")
