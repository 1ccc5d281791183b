"""Render the book from stored outputs: fetch MathJax once, build with warnings as errors, say where it is."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import yaml

from tools import ROOT

BIN = Path(sys.executable).parent
STATIC = ROOT / "book" / "_static"
MATHJAX = STATIC / "vendor" / "mathjax" / "tex-svg-full.js"


def fetch_mathjax() -> bool:
    """Put MathJax where pages load it from, so that they read offline; whether it is there."""
    if MATHJAX.exists():
        return True
    print("Fetching MathJax with npm.", flush=True)
    try:
        subprocess.run([BIN / "npm", "ci", "--silent"], cwd=ROOT, check=True)
    except (OSError, subprocess.CalledProcessError):
        print("npm could not fetch MathJax, so formulas of this build need a network to show: run make again later.")
        return False
    MATHJAX.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "node_modules" / "mathjax" / "es5" / MATHJAX.name, MATHJAX)
    return True


def configuration(output: Path, offline: bool) -> Path:
    """The configuration to build with: ours, or a copy that takes MathJax from its public address."""
    if offline:
        return ROOT / "_config.yml"
    settings = yaml.safe_load((ROOT / "_config.yml").read_text())
    del settings["sphinx"]["config"]["mathjax_path"]
    output.mkdir(parents=True, exist_ok=True)
    path = output / "_config_online.yml"
    path.write_text(yaml.safe_dump(settings))
    return path


def static_changed(html: Path) -> bool:
    """Whether a static file is newer than the pages: Sphinx copies those only when it writes a page."""
    index = html / "index.html"
    if not index.exists():
        return False
    return any(file.stat().st_mtime > index.stat().st_mtime for file in STATIC.rglob("*") if file.is_file())


def build(output: Path = ROOT) -> Path:
    """Build the HTML book under `output`/_build and return its folder. Raises SystemExit on any warning."""
    html = output / "_build" / "html"
    command = [BIN / "jupyter-book", "build", ".", "-W", "-n", "--keep-going", "--path-output", output,
               "--config", configuration(output / "_build", fetch_mathjax())]
    if static_changed(html):
        command.append("--all")
    if subprocess.run(command, cwd=ROOT).returncode != 0:
        # Parsed pages are kept between builds, and a second build would not repeat their warnings.
        shutil.rmtree(output / "_build" / ".doctrees", ignore_errors=True)
        sys.exit("clipmini: the book has warnings or errors, printed above; each counts as an error.")
    return html


if __name__ == "__main__":
    started = time.time()
    folder = build()
    print(f"The book was rendered in {time.time() - started:.0f} s. Open {(folder / 'index.html').as_uri()}")
