"""python -m clipmini train | eval | runs | datasets | drawings | presets: thin, all work is done by the library."""

import argparse
import contextlib
import dataclasses
import os
import signal
import sys
from pathlib import Path

import torch
from tqdm.auto import tqdm

from clipmini import datasets, zoo
from clipmini.config import PRESETS, TrainConfig, choose
from clipmini.datasets.augmentation import AUGMENTATIONS
from clipmini.evaluate.scores import Score, scorecard
from clipmini.models.clip import CLIP
from clipmini.tokenizer import Tokenizer
from clipmini.training.history import CONFIG, compare
from clipmini.training.loop import train
from clipmini.training.runs import CHECKPOINT


def main(argv: list[str] | None = None) -> int:
    """Run one verb; a mistake in its arguments is one sentence on standard error and exit status 2."""
    if sys.stdout is None:
        return complain("standard output is closed: send it to a file, or to /dev/null")
    try:
        with contextlib.ExitStack() as stack:
            stack.callback(sys.stdout.flush)  # here, where it may fail; help is printed before argparse ends the program
            args = _parser().parse_args(argv)
            args.run(args)
    except BrokenPipeError:  # `| head` has read enough
        drop_output()
    except (ValueError, FloatingPointError, MemoryError, ConnectionError) as error:
        return complain(str(error))
    except OSError as error:  # a full disk, also one behind standard output
        drop_output()
        return complain(f"cannot write {error.filename or 'what it has to say'}: {error.strerror}")
    return 0


def complain(sentence: str) -> int:
    """Say what is wrong on standard error. Returns: the exit status of a mistake."""
    print(f"clipmini: {sentence}", file=sys.stderr)
    return 2


def drop_output() -> None:
    """Send what is left of standard output nowhere: it must not fail again when Python ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def run_train(args) -> None:
    """Train a preset on a data set; Ctrl-C finishes the step and saves."""
    config = TrainConfig(**{f.name: getattr(args, f.name) for f in dataclasses.fields(TrainConfig)})
    preset = choose("preset", args.preset, PRESETS)
    data = training_data(args.data, args.preset)
    tok = Tokenizer.train(data.captions, preset.text.vocab_size)
    text = dataclasses.replace(preset.text, vocab_size=tok.vocab_size)
    torch.manual_seed(config.seed)
    model = CLIP(dataclasses.replace(preset, text=text))
    run_dir = Path(args.run_dir or f"runs/{args.preset.replace('/', '-')}-{args.data.replace('/', '-')}-{config.seed}")
    steps = train(model, tok, data, config, run_dir=run_dir, resume=args.resume)
    with ctrl_c_asks() as asked, contextlib.closing(steps), tqdm(total=config.steps) as bar:
        for log in steps:
            bar.update(log.step + 1 - bar.n)
            bar.set_description(f"loss {log.loss:.3f}, scale {log.logit_scale:.1f}, {log.images_per_second:,.0f} images/s")
            if asked:
                print(f"stopped after step {log.step}, as you asked; --resume goes on from there")
                break
    print(f"{run_dir / CHECKPOINT}\nevaluate it: python -m clipmini eval {run_dir / CHECKPOINT}")


def training_data(name: str, preset: str) -> datasets.Pairs:
    """The pairs that a preset is trained on. Raises: ValueError, with the choices, if there are none, or none of its size."""
    if "train" not in datasets.splits(name):
        fitting = ", ".join(family for family in datasets.FAMILIES if "train" in datasets.splits(family))
        raise ValueError(f"{name} has no split to train on; choose from: {fitting}")
    resolution = PRESETS[preset].vision.resolution
    if not is_drawn(resolution):
        fitting = ", ".join(other for other, config in PRESETS.items() if is_drawn(config.vision.resolution))
        raise ValueError(f"{preset} reads {resolution} px, which no data set is drawn at; choose from: {fitting}")
    data = datasets.load(name, split="train", resolution=resolution)
    if data.captions is None:
        raise ValueError(f"{name} has no captions to train on")
    return data


def is_drawn(resolution: int) -> bool:
    """Whether there are pictures of this size, px, to train on."""
    return resolution in datasets.RESOLUTIONS


def run_eval(args) -> None:
    """Evaluate a checkpoint on data sets, beside its baselines."""
    wanted = [part.partition(":")[::2] for part in args.data]
    for name, split in wanted:  # all of them, before anything takes time
        choose(f"split of {name}", split, dict.fromkeys(datasets.splits(name)))
    model, tok, _ = zoo.load(args.checkpoint)
    for name, split in wanted:
        print_scores(f"{name}:{split}", scorecard(model, tok, name, split))


def print_scores(title: str, scores: list[Score]) -> None:
    """A line a score: who, what, how much, within which interval."""
    print(title)
    for score in scores:
        low, high = score.interval
        print(f"  {score.metric:6} {score.who:28} {score.value:6.1%}  ({low:.1%} to {high:.1%}, n = {score.n:,})")


def run_runs(args) -> None:
    """Compare runs: how far each is, its loss, its speed, and what sets it apart."""
    folders = [Path(folder) for folder in args.folders] or sorted(path.parent for path in Path("runs").glob(f"*/{CONFIG}"))
    if not folders:
        raise ValueError("there are no runs in runs/; name their folders, or begin with: python -m clipmini train")
    print_table(compare(folders))


def print_table(rows: list[dict[str, str]]) -> None:
    """A line a row, a column a key, as wide as it needs to be."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    widths = [max(len(column), *(len(row.get(column, "")) for row in rows)) for column in columns]
    for row in [dict(zip(columns, columns, strict=True)), *rows]:
        print("  ".join(row.get(column, "").ljust(width) for column, width in zip(columns, widths, strict=True)).rstrip())


def run_datasets(args) -> None:
    """List data sets, their splits and sizes."""
    for name in datasets.names():
        splits = datasets.splits(name)
        task = "/" in name and len(splits) <= 3  # on one line, with its test split's size
        for split in ["|".join(splits)] if task else splits:
            print(f"{name + ':' + split:44} {datasets.about(name, split.split('|')[-1])}")


def run_drawings(args) -> None:
    """Draw the drawings at another size than they ship in, from their packages; npm and apt fetch those, once."""
    from clipmini.datasets.drawings import redraw  # the manifest takes half a second to read

    grey, colour, _ = redraw.everything(args.resolution, draw=True)
    size = args.resolution
    print(f"{len(grey) + len(colour):,} drawings at {size} px: cm.datasets.load('drawings', split=..., resolution={size})")


def run_presets(args) -> None:
    """List presets and their parameter counts."""
    with torch.device("meta"):
        for name, config in PRESETS.items():
            count = sum(p.numel() for p in CLIP(config).parameters())
            side = config.vision.resolution
            print(f"{name:16} {count:12,} parameters, {side} px{'' if is_drawn(side) else ', released weights only'}")


@contextlib.contextmanager
def ctrl_c_asks():
    """Within it, the first Ctrl-C fills the yielded list; a second one interrupts at once."""
    asked: list[int] = []

    def ask(number, frame):
        if asked:
            raise KeyboardInterrupt
        asked.append(number)

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m clipmini", description="Train and evaluate small CLIP models.")
    verbs = parser.add_subparsers(dest="verb", required=True)

    verb = verbs.add_parser("train", help="train a preset on a data set", description=run_train.__doc__)
    verb.set_defaults(run=run_train)
    verb.add_argument("--preset", default="mini-resnet", help="see: python -m clipmini presets")
    verb.add_argument("--data", default="glyphs", help="see: python -m clipmini datasets")
    verb.add_argument("--run-dir", help="where log and checkpoints go (default: runs/PRESET-DATA-SEED)")
    verb.add_argument("--resume", action="store_true", help="go on after the newest checkpoint of the run")
    hints = {"augment": f"one of {', '.join(AUGMENTATIONS)}", "precision": "auto, fp32, bf16 or fp16"}
    for field in dataclasses.fields(TrainConfig):
        flag, hint = f"--{field.name.replace('_', '-')}", hints.get(field.name, field.name.replace("_", " "))
        kind = {"action": argparse.BooleanOptionalAction} if field.type is bool else {"type": field.type}
        verb.add_argument(flag, **kind, default=field.default, help=f"{hint} (default: {field.default})")

    verb = verbs.add_parser("eval", help="evaluate a checkpoint", description=run_eval.__doc__)
    verb.set_defaults(run=run_eval)
    verb.add_argument("checkpoint", help=f"a file, or one that ships: {', '.join(zoo.names()) or 'none'}")
    default = ["glyphs:val", "digits:dev"]
    verb.add_argument("--data", nargs="+", default=default, metavar="NAME:SPLIT", help=f"default: {' '.join(default)}")

    verb = verbs.add_parser("runs", help="compare runs", description=run_runs.__doc__)
    verb.set_defaults(run=run_runs)
    verb.add_argument("folders", nargs="*", help="default: all in runs/")

    verb = verbs.add_parser("drawings", help="draw the drawings at another size", description=run_drawings.__doc__)
    verb.set_defaults(run=run_drawings)
    verb.add_argument("--resolution", type=int, default=64, help="px a side, 33 to 256 (default: 64)")

    for name, run in (("datasets", run_datasets), ("presets", run_presets)):
        verbs.add_parser(name, help=run.__doc__.lower().rstrip("."), description=run.__doc__).set_defaults(run=run)
    return parser
