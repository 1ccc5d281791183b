"""How much does the quickstart vary from seed to seed? Runs its recipe with several, and keeps the scores.

    python -m experiments.quickstart_seeds --seeds 1 2 3      some three minutes a seed on two cores; results in
    data/quickstart_seeds.json, what is there already is not trained again, unless the recipe has changed
"""

import dataclasses

import clipmini as cm
from clipmini.files import data_folder
from experiments.records import Records
from experiments.training import command_line, train

TASKS = [("glyphs", "new_names"), ("glyphs", "new_font"), ("digits", "dev")]
RECIPE, PRESET = cm.RECIPES["quickstart"], "mini-resnet"
RECORDS = Records(data_folder() / "quickstart_seeds.json", indent=1)
ABOUT = {"preset": PRESET, "recipe": dataclasses.asdict(RECIPE)}


def run(seed: int) -> dict:
    """Train once; the scores of the trained and the untrained model, beside the baselines."""
    trained = train(PRESET, dataclasses.replace(RECIPE, seed=seed))
    scores = {f"{name}:{split}": cm.scorecard(trained.model, trained.tok, name, split, seed=seed) for name, split in TASKS}
    rows = {task: [[s.who, s.metric, s.value, s.n] for s in card] for task, card in scores.items()}
    return {"seed": seed, "seconds": round(trained.seconds), "scores": rows}


def runs_of(known: dict) -> list[dict]:
    """Those that were made with today's recipe."""
    return known["runs"] if {key: known.get(key) for key in ABOUT} == ABOUT else []


def with_run(known: dict, found: dict) -> dict:
    return ABOUT | {"runs": sorted([*runs_of(known), found], key=lambda run: run["seed"])}


def main(seeds: list[int]) -> None:
    for seed in seeds:
        if seed not in [run["seed"] for run in runs_of(RECORDS.known())]:
            found = run(seed)
            RECORDS.update(lambda known, found=found: with_run(known, found))


if __name__ == "__main__":
    main(command_line(__doc__).parse_args().seeds)
