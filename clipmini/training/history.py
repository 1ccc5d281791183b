"""What a run's folder tells: its log, its curves, and runs side by side."""

import contextlib
import json
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from clipmini.files import atomic_write
from clipmini.plots import plot_run

LOG, CONFIG, CURVES = "log.jsonl", "config.json", "curves.png"


@dataclass(frozen=True)
class StepLog:
    """One step. loss: nats; logit_scale: exponentiated, after the clamp; gradient_norm: of all parameters, before the step;
    images_per_second: of this step.
    """

    step: int
    loss: float
    lr: float
    logit_scale: float
    gradient_norm: float
    images_per_second: float


def read_log(path: Path) -> list[StepLog]:
    """The steps in a folder's log. A line that cannot be read, such as one cut off while it was written, is left out."""
    logs = []
    for line in (path / LOG).read_text(errors="replace").splitlines():
        with contextlib.suppress(json.JSONDecodeError, TypeError):
            logs.append(StepLog(**json.loads(line)))
    return logs


def draw_curves(path: Path) -> None:
    """Draw a folder's log beside it."""
    if not (logs := read_log(path)):
        return
    figure = Figure(figsize=(12, 6), layout="constrained")
    plot_run(figure.subplots(2, 3), logs)
    with atomic_write(path / CURVES) as partial:
        figure.savefig(partial, format="png", dpi=100)


def compare(paths: list[Path]) -> list[dict[str, str]]:
    """A row a run: its summary, and those settings in which the runs differ. Raises ValueError for a folder without a run."""
    rows = [summary(path) for path in paths]
    settings = [training_settings(path) for path in paths]
    for key in settings[0]:
        if len({str(setting.get(key)) for setting in settings}) > 1:
            for row, setting in zip(rows, settings, strict=True):
                row[key] = str(setting.get(key))
    return rows


def training_settings(path: Path) -> dict:
    """The settings of a folder's run. Raises: ValueError if its configuration cannot be read."""
    try:
        settings = json.loads((path / CONFIG).read_text())["train"]
        return settings | {"steps": int(settings["steps"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path / CONFIG} is not the configuration of a run: {error!r}") from error


def summary(path: Path, last: int = 50) -> dict[str, str]:
    """How far a run is, and its last steps' mean loss and median speed.

    Raises: ValueError if the folder holds no run.
    """
    if not (path / CONFIG).is_file() or not (path / LOG).is_file():
        raise ValueError(f"{path} holds no run: it has no {CONFIG} and {LOG}")
    logs = read_log(path)
    latest = logs[-last:]
    row = {"run": path.name, "steps": f"{len(logs):,} of {training_settings(path)['steps']:,}"}
    if latest:
        row |= {"loss": f"{statistics.mean(log.loss for log in latest):.3f}", "scale": f"{latest[-1].logit_scale:.1f}",
                "images/s": f"{statistics.median(log.images_per_second for log in latest):,.0f}"}
    return row


def flat(tree: dict, prefix: str = "") -> Iterator[tuple[str, object]]:
    """The leaves of nested dictionaries, each under its dotted name."""
    for key, value in tree.items():
        yield from flat(value, f"{prefix}{key}.") if isinstance(value, dict) else [(prefix + key, value)]
