"""The workflow file: it reads as YAML, calls what exists, and each job may do no more than it must."""

import re

import pytest
import yaml

from tools import ROOT
from tools.chapters.stamp import FROM_RELEASE, wheel_name

TEXT = (ROOT / ".github" / "workflows" / "book.yml").read_text()
WORKFLOW = yaml.safe_load(TEXT)
JOBS = WORKFLOW["jobs"]
STEPS = [step for job in JOBS.values() for step in job["steps"]]
COMMANDS = [step["run"] for step in STEPS if "run" in step]


def test_it_runs_on_pushes_tags_and_pull_requests():
    triggers = WORKFLOW[True]  # YAML 1.1 reads `on` so
    assert triggers["push"] == {"branches": ["**"], "tags": ["v*"]} and "pull_request" in triggers


def test_every_command_of_make_is_a_target():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    called = [command.split()[1] for command in COMMANDS if command.startswith("make ")]
    assert called == ["test", "book", "wheel"] and set(called) <= targets


def test_every_action_is_an_official_one_of_a_major_version():
    used = {step["uses"] for step in STEPS if "uses" in step}
    assert used and all(re.fullmatch(r"actions/[a-z-]+@v\d+", action) for action in used)


def test_each_job_may_do_no_more_than_it_must():
    assert WORKFLOW["permissions"] == {}
    assert {name: job["permissions"] for name, job in JOBS.items()} == {
        "test": {"contents": "read"},
        "deploy": {"pages": "write", "id-token": "write"},
        "release": {"contents": "write"},
    }
    assert all(job["timeout-minutes"] <= 120 for job in JOBS.values())


@pytest.mark.parametrize(("job", "condition"), [("deploy", "refs/heads/main"), ("release", "tag")])
def test_nothing_is_published_before_the_tests_pass(job, condition):
    assert JOBS[job]["needs"] == "test" and condition in JOBS[job]["if"]


def test_the_published_folder_is_the_one_that_the_book_is_rendered_into():
    (path,) = [step["with"]["path"] for step in STEPS if "upload-pages-artifact" in step.get("uses", "")]
    assert path == "_build/html" and f"--directory {path}" in (ROOT / "Makefile").read_text()


def test_the_release_has_the_wheel_that_the_first_cells_ask_for():
    (command,) = [command for command in COMMANDS if command.startswith("gh release create")]
    version = wheel_name(ROOT).split("-")[1]
    assert command.replace("${TAG#v}", version).split('"')[3] == f"dist/{wheel_name(ROOT)}"
    assert "releases/download/{release}/{wheel}" in FROM_RELEASE


def test_expressions_name_only_known_contexts():
    contexts = {name for text in re.findall(r"\$\{\{(.*?)\}\}", TEXT) for name in re.findall(r"(?<![\w.'/])([a-z]+)[.(]", text)}
    assert contexts <= {"github", "runner", "steps"}
