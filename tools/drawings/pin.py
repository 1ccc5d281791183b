"""python -m tools.drawings.pin npm @iconify-json/noto 1.2.9: fetch a package as it is today, and pin its hash.

Writes data/drawings/packages.json, one line a package; a listed package gets the new version. What the drawings are
made of changes with it: the version of the data set is raised as well.
"""

import argparse
import dataclasses
import json

from clipmini.datasets.drawings import packages
from clipmini.datasets.drawings.packages import Package
from clipmini.files import atomic_write, cache_dir, data_folder


def pinned(source: str, name: str, version: str) -> Package:
    """The package with the hash of the archive that comes."""
    stem = name.removeprefix("@").replace("/", "-")
    file = f"{stem}-{version}.tgz" if source == "npm" else f"{stem}_{version.replace(':', '%3a')}_all.deb"
    package = Package(source, name, version, file, "")
    path = cache_dir() / "packages" / file
    if not path.is_file():
        packages.bring(package, path)
    return dataclasses.replace(package, sha512=packages.sha512(path))


def text(known: dict[str, Package]) -> str:
    """The list as it is kept."""
    return "[\n" + ",\n".join("  " + json.dumps(dataclasses.asdict(package)) for package in known.values()) + "\n]\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", choices=["npm", "debian"])
    parser.add_argument("name")
    parser.add_argument("version")
    options = parser.parse_args()
    found = packages.pinned() | {options.name: pinned(options.source, options.name, options.version)}
    with atomic_write(data_folder() / packages.PINNED) as partial:
        partial.write_text(text(found))
