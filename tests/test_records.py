"""What an experiment keeps of its trainings: nothing is trained twice, and nothing that was found is lost."""

import multiprocessing

import pytest

from experiments.records import Records


@pytest.fixture
def records(tmp_path):
    return Records(tmp_path / "found.json")


def test_a_run_is_known_once_it_was_kept(records):
    assert not records.has("recipe", 1)
    records.keep({"loss": 2.0}, "recipe", 1)
    assert records.has("recipe", 1)
    assert not records.has("recipe", 2) and not records.has("another", 1)


def test_other_runs_stay(records):
    records.keep({"loss": 2.0}, "recipe", 1)
    records.keep({"loss": 3.0}, "recipe", 2)
    records.keep({"loss": 1.0}, "recipe", 1)
    assert records.known() == {"recipe": {"1": {"loss": 1.0}, "2": {"loss": 3.0}}}


def test_numbers_are_kept_with_four_digits(records):
    records.keep({"loss": 2.34567, "losses": [0.000123456], "parts": {"a": 98765.4}, "steps": 123456, "why": "x"}, "run")
    assert records.known()["run"] == {"loss": 2.346, "losses": [0.0001235], "parts": {"a": 98770.0}, "steps": 123456, "why": "x"}


def keep_many(path, process, meet):
    meet.wait()
    for run in range(40):
        Records(path).keep({"loss": float(run)}, process, run)


def test_two_processes_lose_nothing(records):
    spawn = multiprocessing.get_context("spawn")
    meet = spawn.Barrier(2)
    processes = [spawn.Process(target=keep_many, args=(records.path, name, meet)) for name in ("first", "second")]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert {name: len(runs) for name, runs in records.known().items()} == {"first": 40, "second": 40}
