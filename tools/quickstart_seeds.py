"""Run the quickstart's recipe with several seeds and record the scores in data/quickstart_seeds.json."""

import argparse
import dataclasses
import json
import time

import torch

import clipmini as cm
from clipmini.files import atomic_write, data_folder

TASKS = [("glyphs", "new_names"), ("glyphs", "new_font"), ("digits", "dev")]
RECIPE, PRESET = "quickstart", "mini-resnet"


def run(seed: int) -> dict:
    """Train once; the scores of the trained and the untrained model, beside the baselines."""
    train = cm.datasets.load("glyphs", split="train")
    tok = cm.Tokenizer.train(train.captions, cm.PRESETS[PRESET].text.vocab_size)
    torch.manual_seed(seed)
    model = cm.CLIP.from_preset(PRESET)
    started = time.perf_counter()
    for log in cm.train(model, tok, train, dataclasses.replace(cm.RECIPES[RECIPE], seed=seed)):
        if log.step % 100 == 0:
            print(f"seed {seed}, step {log.step}: loss {log.loss:.2f}", flush=True)
    seconds = time.perf_counter() - started
    scores = {f"{name}:{split}": cm.scorecard(model, tok, name, split, seed=seed) for name, split in TASKS}
    rows = {task: [[s.who, s.metric, s.value, s.n] for s in card] for task, card in scores.items()}
    return {"seed": seed, "seconds": round(seconds), "scores": rows}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    runs = [run(seed) for seed in parser.parse_args().seeds]
    record = {"preset": PRESET, "recipe": dataclasses.asdict(cm.RECIPES[RECIPE]), "runs": runs}
    with atomic_write(data_folder() / "quickstart_seeds.json") as partial:
        partial.write_text(json.dumps(record, indent=1) + "\n")
