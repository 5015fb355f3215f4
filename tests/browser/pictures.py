"""Takes pictures of the desk into a folder: make pictures, of each page, wide and on a phone; with the name of a
document only those that it shows, each as wide as a page of text bears.
"""

from __future__ import annotations

import logging
import re
import sys
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog
from desk_reader import PHONE, TABLE, Reader, started
from scene import addresses, month

from desk_stand import desk_of, served
from world import World

SCREENS = {"": (TABLE, 1500), "-phone": (PHONE, 1500)}
IN_A_TEXT = {"": (760, 980)}
"""Width and greatest height of a picture, by what its name ends in; CSS pixels."""
SHOWN = re.compile(r"\]\(images/([\w-]+)\.png\)")


def main(folder: Path, document: Path | None = None) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as kept:
        world = World.build(f"sqlite:///{kept}/sync.db")
        told = month(world)
        with closing(world.store), served(desk_of(world)) as desk, started() as reader:
            reader.sign_in(desk)
            reader.dark(on=False)
            pages = addresses(world, told)
            if document is None:
                take(reader, folder, pages, SCREENS)
            else:
                names = SHOWN.findall(document.read_text(encoding="utf-8"))
                take(reader, folder, {name: pages[name] for name in names}, IN_A_TEXT)


def take(reader: Reader, folder: Path, pages: dict[str, str], screens: dict[str, tuple[int, int]]) -> None:
    for name, path in pages.items():
        for kind, (width, tallest) in screens.items():
            reader.screen(width, 300)
            reader.open(path)
            reader.picture(folder / f"{name}{kind}.png", tallest)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
