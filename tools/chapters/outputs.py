"""What is stored of a chapter's outputs: the same from run to run, and no larger than a page needs."""

import base64
import io

from nbstripout import strip_output
from PIL import Image

from tools.chapters.notebook import MEASURED, code_cells, tags

WIDGET = "application/vnd.jupyter.widget-view+json"
VOLATILE = ["metadata.widgets", "cell.metadata.execution", "metadata.language_info.version"]


def normalise(notebook) -> None:
    """Drop what differs from run to run, so that executing again is an empty diff."""
    strip_output(notebook, keep_output=True, keep_count=True, keep_id=True, extra_keys=VOLATILE)
    for cell in code_cells(notebook):
        cell.outputs = merged_streams(cell.outputs)
        for output in cell.outputs:
            data = output.get("data", {})
            if "image/png" in data:
                data.pop(WIDGET, None)  # its random id leads nowhere without a kernel; the picture stays
                data["image/png"] = smaller(data["image/png"])


def merged_streams(outputs: list) -> list:
    """What was printed in a row as one output: where a stream is cut depends on the clock."""
    merged: list = []
    for output in outputs:
        if merged and output.output_type == "stream" and merged[-1].get("name") == output.name:
            merged[-1].text += output.text
        else:
            merged.append(output)
    return merged


def smaller(png: str) -> str:
    """The same figure, base64, in 256 colours: more than a figure has use for, and a third of the bytes."""
    picture, out = Image.open(io.BytesIO(base64.b64decode(png))), io.BytesIO()
    picture.convert("RGB").quantize(256).save(out, "PNG", optimize=True)
    return base64.b64encode(out.getvalue()).decode()


def differences(before, after) -> list[int]:
    """Which code cells put out something else than before, those that measure left out; counted from 1."""
    stored = {cell.id: cell.outputs for cell in code_cells(before)}
    return [number for number, cell in enumerate(code_cells(after), start=1)
            if MEASURED not in tags(cell) and cell.outputs != stored.get(cell.id, cell.outputs)]
