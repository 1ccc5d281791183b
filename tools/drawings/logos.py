"""python -m tools.drawings.logos: list the names of npm's simple-icons, which no drawing of a collection of icons may have."""

from pathlib import Path

from clipmini.datasets.drawings import packages
from tools.drawings.collect import squeezed

LIST = Path(__file__).parent / "logos.txt"


def main() -> None:
    icons = packages.read_json("simple-icons", "data/simple-icons.json")
    names = {squeezed(icon["title"]) for icon in icons} | {squeezed(icon["slug"]) for icon in icons if "slug" in icon}
    LIST.write_text("\n".join(sorted(names)) + "\n")


if __name__ == "__main__":
    main()
