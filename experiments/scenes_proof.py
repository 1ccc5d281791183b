"""Prove of the scenes that the pixels carry the answers: small ResNets, fully supervised, read them off 32 x 32 pixels.

    python -m experiments.scenes_proof          every labelled task, three seeds, about 20 minutes a seed on one core

Networks are trained on fresh rows of the split train and read each task's test rows once. Results go to
data/scenes_proof.json with the generator's version. That relations need the sentence too, scenes_readers.py proves.
"""

import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clipmini import metrics
from clipmini.datasets.scenes import TASKS, VERSION
from clipmini.datasets.scenes.rng import Rng
from clipmini.datasets.scenes.rows import answer, render
from clipmini.datasets.scenes.scene import Scene, place
from clipmini.datasets.scenes.setups import KIND_NAMES
from clipmini.datasets.scenes.tasks import COMBINATION, Task
from clipmini.datasets.scenes.words import BACKGROUNDS, COLOURS, FILLS, GLYPHS, KINDS, PLACES, SHAPES, SIZES
from clipmini.files import data_folder
from experiments.records import Records
from experiments.training import command_line

RECORDS = Records(data_folder() / "scenes_proof.json", indent=1)
BATCH, RATE, WIDTH = 256, 4e-3, 48
CLEAR = ("paint", "serif", "photograph")  # styles that show colour and fill; a sketch or an engraving does not

# What one network is asked, and the answers: attributes of a lone object, then questions about several.
ATTRIBUTES = {
    "shape": SHAPES, "colour": COLOURS, "fill": FILLS, "size": SIZES, "place": PLACES, "background": BACKGROUNDS,
    "kind": KIND_NAMES, "letter": tuple(GLYPHS),
}
OTHERS = (
    "pointing", "written word", "count", "count of red", "action", "colour of the left", "shape of the larger",
    "colour of the heart",
)
HEADS: dict[str, tuple[str, ...]] = ATTRIBUTES | {name: TASKS[name].classes for name in OTHERS}
START = dict(zip(HEADS, np.cumsum([0, *map(len, HEADS.values())]).tolist(), strict=False))
SAME = {"sketched shape": "shape", "rendered shape": "shape", "letter in another font": "letter"}
SAME |= {"shape on a photograph": "shape", "colour on a photograph": "colour"}
LABELLED = {name: task for name, task in TASKS.items() if task.classes}
TRAINED = tuple(name for name, task in LABELLED.items() if task.seen != COMBINATION)
WRITING = ("letter", "letter in another font", "written word")
# A network for each group of questions, and the steps of its training.
GROUPS = {"attributes": tuple(name for name in TRAINED if name not in (*WRITING, *OTHERS[2:]))}
GROUPS |= {"writing": WRITING, "several objects": OTHERS[2:]}
STEPS = {"attributes": 1600, "writing": 600, "several objects": 1500}
OFTEN = {"shape": 2, "fill": 3, "size": 2, "background": 2, "rendered shape": 2, "letter": 2}


class Residual(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1):
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs),
        )
        self.shortcut = nn.Identity() if stride == 1 else nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.convolutions(x) + self.shortcut(x))


class Reader(nn.Module):
    """A small ResNet: what is seen (pooled) and where (a few channels of every position), and linear answers."""

    def __init__(self, width: int = WIDTH, answers: int = sum(map(len, HEADS.values()))):
        super().__init__()
        deep = 8 * width // 3
        self.stages = nn.Sequential(
            nn.Conv2d(3, width, 3, 2, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
            Residual(width, width), Residual(width, 2 * width, 2), Residual(2 * width, 2 * width), Residual(2 * width, deep, 2),
        )
        self.where = nn.Sequential(nn.Conv2d(deep, 24, 1), nn.ReLU(), nn.Flatten())
        self.answers = nn.Linear(2 * deep + 24 * 16, answers)

    def forward(self, images: Tensor) -> Tensor:
        x = self.stages(pixels(images))
        return self.answers(torch.cat([x.mean((2, 3)), x.amax((2, 3)), self.where(x)], 1))


def pixels(images: Tensor) -> Tensor:
    """uint8 to about -1..1, channels last: the fast order on a CPU."""
    return images.contiguous(memory_format=torch.channels_last).float() / 64 - 2


def half_precision():
    """bfloat16 where this processor multiplies it faster."""
    return torch.autocast("cpu", torch.bfloat16, enabled=torch.ops.mkldnn._is_mkldnn_bf16_supported())


def parts(name: str, task: Task, label: int) -> list[tuple[str, int]]:
    """An answer as answers of the network: a blue star is the shape star and the colour blue."""
    if name in HEADS or name in SAME:
        return [(SAME.get(name, name), label)]
    words = task.classes[label]
    found = [(head, HEADS[head].index(v)) for head in ("shape", "colour", "fill") for v in HEADS[head] if v == words]
    return found or [
        (head, i) for head in ("shape", "colour", "fill") for i, v in enumerate(HEADS[head])
        if words.startswith(f"{v} ") or words.endswith(f" {v}")
    ]


def known(scene: Scene) -> dict[str, int]:
    """All that supervision may tell of a lone object's picture, and of any picture's background."""
    values = {"background": scene.background} if scene.style in ("paint", "serif") else {}
    if len(scene.objects) == 1 and not scene.action:
        o = scene.objects[0]
        values |= {"shape": o.shape, "size": o.size, "kind": KINDS[o.shape], "letter": o.glyph}
        values |= {"place": place(o)} if o.size == "medium" else {}
        values |= {"colour": o.colour} if scene.style in CLEAR else {}
        if scene.style in CLEAR and (o.fill != "solid" or scene.seed % 5 == 0):  # solid is five times as frequent
            values["fill"] = o.fill
    return {head: HEADS[head].index(value) for head, value in values.items() if value}


def examples(group: str, seed: int, batches: int, size: int = BATCH) -> Iterator[tuple[Tensor, Tensor]]:
    """Fresh pictures (N, 3, 32, 32) of a group's tasks with the answers (N, heads), -100 where unknown."""
    names = tuple((name, OFTEN.get(name, 1)) for name in GROUPS[group])
    rng, columns = Rng("proof", group, seed), list(HEADS)
    for _ in range(batches):
        scenes, labels = [], torch.full((size, len(columns)), -100)
        for i in range(size):
            name = rng.weighted(names)
            scene, label, _ = answer(name, TASKS[name], "train", rng.below(1 << 40), f"proof {seed}")
            scenes.append(scene)
            for head, value in (known(scene) | dict(parts(name, TASKS[name], label))).items():
                labels[i, columns.index(head)] = value
        yield torch.from_numpy(render(scenes, 32)), labels


def answered(logits: Tensor) -> dict[str, Tensor]:
    """Log-probabilities of each question's answers."""
    return {head: logits[:, START[head] : START[head] + len(values)].float().log_softmax(1) for head, values in HEADS.items()}


def train_reader(group: str, seed: int) -> Reader:
    """Adam on the questions' mean cross-entropies; a tenth of the steps to warm up, then a cosine to nothing."""
    torch.manual_seed(seed)
    steps = STEPS[group]
    model = Reader().to(memory_format=torch.channels_last)
    for step, (images, labels) in enumerate(optimised(model, examples(group, seed, steps), steps, RATE)):
        with half_precision():
            logits = model(images)
        losses = [F.nll_loss(p, labels[:, k]) for k, p in enumerate(answered(logits).values()) if (labels[:, k] >= 0).any()]
        torch.stack(losses).sum().backward()
        if step % 200 == 0:
            print(f"{group}, seed {seed}, step {step}: " + " ".join(f"{loss.item():.2f}" for loss in losses), flush=True)
    return model.eval()


def optimised(model: nn.Module, batches, steps: int, rate: float) -> Iterator:
    """Hands out the batches; takes a step of AdamW with the gradient that the caller leaves after each."""
    optimiser = torch.optim.AdamW(model.parameters(), rate, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps, pct_start=0.1, final_div_factor=1e3)
    for batch in batches:
        optimiser.zero_grad()
        yield batch
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimiser.step()
        schedule.step()


@torch.no_grad()
def task_scores(model: Reader, name: str, split: str = "test") -> tuple[Tensor, Tensor]:
    """The log-probability (N, classes) of each answer to a task's rows, and the right ones."""
    task = TASKS[name]
    scenes, labels, _ = zip(*(answer(name, task, split, row) for row in range(task.size)), strict=True)
    images = torch.from_numpy(render(scenes, 32))
    logits = answered(torch.cat([model(some) for some in images.split(500)]))
    columns = [sum(logits[head][:, i] for head, i in parts(name, task, c)) for c in range(len(task.classes))]
    return torch.stack(columns, 1), torch.tensor(labels)


def near_pairs(task: Task, scores: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """Whether each picture of two confusable classes is told from the other one; and the pictures of all other classes."""
    hits, confusable = {}, torch.zeros(len(labels), dtype=bool)
    for pair in task.near:
        chosen = [task.classes.index(v) for v in pair if v in task.classes]
        if len(chosen) == 2:
            of_pair = torch.isin(labels, torch.tensor(chosen))
            right = (labels[of_pair] == chosen[1]).long()
            hits[" or ".join(pair)] = scores[of_pair][:, chosen].argmax(1) == right
            confusable |= of_pair
    return hits | ({"the rest": (scores.argmax(1) == labels)[~confusable]} if hits else {})


def record(part: str, seed: int, found: dict[str, dict[str, Tensor]], **about) -> None:
    """Add what one seed got right, by task and reader, to the file; results of an older generator go.

    Args: found: for each task and reader, which rows are right; about: what is to be known of the run.
    """
    seconds = about.pop("seconds")

    def add(known: dict) -> dict:
        entry = known.get(part, {})
        runs = entry["runs"] if entry.get("version") == VERSION else {}
        run = runs.setdefault(str(seed), {"seconds": {}, "right": {}})
        run["seconds"] |= seconds
        for name, readers in found.items():
            right = {r: [round(h.float().mean().item(), 4), len(h)] for r, h in readers.items()}
            run["right"].setdefault(name, {}).update(right)
        tasks = {name: summaries(name, runs.values()) for name in TASKS if name in run["right"]}
        return known | {part: {"version": VERSION, **about, "tasks": tasks, "runs": runs}}

    RECORDS.update(add)


def summaries(name: str, runs) -> dict:
    """A task's chance, and for each reader the mean of its seeds with an interval over seeds and one over pictures."""
    found = [run["right"][name] for run in runs if name in run["right"]]
    return {"chance": round(1 / TASKS[name].answers, 4)} | {r: summary([f[r] for f in found if r in f]) for r in found[-1]}


def summary(runs: list[tuple[float, int]]) -> dict:
    """Mean of fractions right; Student's interval over seeds, and Wilson's over test pictures: of one run's n, not of all."""
    fractions, n = [fraction for fraction, _ in runs], runs[0][1]
    mean = sum(fractions) / len(fractions)
    found = {"mean": round(mean, 4), "n": n, "seeds": len(runs), "over pictures": rounded(metrics.wilson_interval(mean, n))}
    return found | ({"over seeds": rounded(metrics.t_interval(fractions))} if len(fractions) > 1 else {})


def rounded(values) -> list[float]:
    return [round(v, 4) for v in values]


def asked(group: str) -> list[str]:
    """The tasks that a group's network is tested on; combinations that it never saw are for the attributes' network."""
    return [*GROUPS[group], *(name for name in LABELLED if group == "attributes" and name not in TRAINED)]


def prove(seed: int) -> None:
    """Every labelled task, read off the pixels; the record grows with each network."""
    recipe = {"batch": BATCH, "steps": STEPS, "parameters": sum(p.numel() for p in Reader().parameters()), "resolution": 32}
    for group in GROUPS:
        started = time.perf_counter()
        model = train_reader(group, seed)
        seconds = {group: round(time.perf_counter() - started)}
        found = {}
        for name in asked(group):
            scores, labels = task_scores(model, name)
            found[name] = {"all": scores.argmax(1) == labels} | near_pairs(TASKS[name], scores, labels)
            print(f"{name}: {100 * found[name]['all'].float().mean():.1f}%", flush=True)
        record("single", seed, found, seconds=seconds, **recipe)


def run(about: str, prove: Callable[[int], None]) -> None:
    """The command line of both proofs: one proof a seed, on one thread, so that a seed means the same numbers."""
    torch.set_num_threads(1)
    for seed in command_line(about).parse_args().seeds:
        prove(seed)


if __name__ == "__main__":
    run(__doc__, prove)
