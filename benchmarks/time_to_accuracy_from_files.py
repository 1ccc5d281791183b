"""How much sooner does training reach a held-out accuracy here than by open_clip's own training command on image files?

The same glyph pairs, here as tensors in memory, there as PNG files and a table of their captions, which is what the command
reads; the same architecture, initial weights, vocabulary, batch size, AdamW, schedule and crops. Tested after every epoch: R@5 on
names never seen in training; the seconds to a threshold are read off the line between two epochs. Seconds are those of training
steps, without starting, testing and saving; how many of them open_clip's loop waits for its two loading processes is told apart.
A seed's ratio is open_clip's seconds over ours; above 1, ours is sooner.
"""

import argparse
import csv
import gzip
import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import torch
from PIL import Image
from time_to_accuracy import CONTESTS, Contest, Test, ours

import clipmini as cm

EPOCHS = 3
PRECISIONS = {"fp32": "fp32", "bf16": "amp_bf16"}  # ours and theirs
STEP = re.compile(r"Train Epoch: (\d+) .* Data \(t\): ([\d.]+) Batch \(t\): ([\d.]+)")


def write_files(data: cm.datasets.Pairs, folder: Path) -> Path:
    """A PNG a pair, and the table of their captions."""
    with open(folder / "pairs.csv", "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["image", "text"])
        for i, (pixels, caption) in enumerate(zip(data.pixels, data.captions, strict=True)):
            Image.fromarray(pixels[0].numpy()).save(folder / f"{i}.png")
            table.writerow([folder / f"{i}.png", caption])
    return folder / "pairs.csv"


def write_model(model: cm.CLIP, tok: cm.Tokenizer, folder: Path) -> None:
    """The model as open_clip reads it, and our vocabulary with it."""
    cm.weights.to_open_clip(model, folder)
    merges = ["one merge a line", *(" ".join(pair) for pair in tok.merges)]
    (folder / "merges.txt.gz").write_bytes(gzip.compress("\n".join(merges).encode()))
    path = folder / "open_clip_config.json"
    config = json.loads(path.read_text())
    config["model_cfg"]["text_cfg"]["tokenizer_kwargs"] = {"bpe_path": str(folder / "merges.txt.gz")}
    path.write_text(json.dumps(config))


def theirs(contest: Contest, seed: int, table: Path, folder: Path, threads: int) -> list[tuple[float, float, float]]:
    """For each epoch its seconds, how many of them were spent waiting for data, and the recall after it."""
    model, tok = contest.start(seed)
    test, train = Test(contest, tok), contest.train
    write_model(model, tok, folder)
    options = {
        "model": f"local-dir:{folder}", "train-data": table, "dataset-type": "csv", "csv-separator": ",", "csv-img-key": "image",
        "csv-caption-key": "text", "batch-size": train.batch_size, "epochs": EPOCHS, "warmup": train.warmup, "lr": train.lr,
        "beta1": train.beta1, "beta2": train.beta2, "eps": train.eps, "wd": train.weight_decay, "workers": 2, "device": "cpu",
        "precision": PRECISIONS[train.precision], "seed": seed, "log-every-n-steps": 1, "logs": folder / "logs", "name": "run",
    }  # fmt: skip
    command = [sys.executable, "-m", "open_clip_train.main", *(part for k, v in options.items() for part in (f"--{k}", str(v)))]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": str(threads)})
    if done.returncode:
        raise SystemExit(f"open_clip's training command failed:\n{done.stderr[-2000:]}")
    steps = [(int(epoch), float(data), float(step)) for epoch, data, step in STEP.findall(done.stderr + done.stdout)]
    epochs = []
    for epoch in range(EPOCHS):
        weights = torch.load(folder / "logs" / "run" / "checkpoints" / f"epoch_{epoch + 1}.pt", weights_only=True)
        recall = test.recall(cm.weights.from_openai(weights["state_dict"], contest.model))
        mine = [step for step in steps if step[0] == epoch]
        epochs.append((sum(step[2] for step in mine), sum(step[1] for step in mine), recall))
    return epochs


def seconds_to(threshold: float, epochs: list[tuple[float, float]]) -> float:
    """When the recall crosses the threshold, on the line between two epochs."""
    clock, before = 0.0, 0.0
    for seconds, recall in epochs:
        if recall >= threshold:
            return clock + seconds * (threshold - before) / (recall - before)
        clock, before = clock + seconds, recall
    raise SystemExit(f"never came to {threshold:.0%}: {before:.1%} after {clock:.0f} s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contest", choices=CONTESTS, default="vit")
    parser.add_argument("--precision", choices=PRECISIONS, default="fp32")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    contest, ratios = CONTESTS[args.contest], []
    data = cm.datasets.load("glyphs", "train", contest.resolution)
    lap = len(data) // contest.train.batch_size
    contest = replace(contest, train=replace(contest.train, steps=EPOCHS * lap, augment="crop", precision=args.precision))
    print(f"torch {torch.__version__}, {args.threads} threads, {args.precision}; {EPOCHS} epochs of {lap} steps")
    print(f"{args.contest}: until R@5 is {contest.threshold:.0%}")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "pngs").mkdir()
        table = write_files(data, Path(folder) / "pngs")
        for seed in range(args.seeds):
            there = theirs(contest, seed, table, Path(folder) / str(seed), args.threads)
            here = list(ours(contest, seed, lap))
            a, b = seconds_to(contest.threshold, here), seconds_to(contest.threshold, [(s, r) for s, _, r in there])
            ratios.append(b / a)
            waiting = sum(w for _, w, _ in there) / sum(s for s, _, _ in there)
            print(f"  seed {seed}: ours {a:.0f} s, open_clip's {b:.0f} s, {waiting:.0%} of it waiting for data: {b / a:.2f}")
            print(f"    R@5 {[round(r, 3) for _, r in here]} and {[round(r, 3) for *_, r in there]}", flush=True)
    low, high = cm.metrics.t_interval(ratios) if len(ratios) > 1 else (ratios[0], ratios[0])
    print(f"open_clip's seconds over ours: {sum(ratios) / len(ratios):.2f} ({low:.2f} to {high:.2f}, n = {len(ratios)})")
