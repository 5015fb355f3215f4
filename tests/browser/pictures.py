"""Takes a picture of each page of the desk, wide and on a phone, into a folder: make pictures."""

from __future__ import annotations

import logging
import sys
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog
from desk_reader import PHONE, TABLE, Reader, started
from scene import addresses, month

from desk_stand import desk_of, served
from world import World


def main(folder: Path) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as kept:
        world = World.build(f"sqlite:///{kept}/sync.db")
        told = month(world)
        with closing(world.store), served(desk_of(world)) as desk, started() as reader:
            reader.sign_in(desk)
            take(reader, folder, addresses(world, told))


def take(reader: Reader, folder: Path, pages: dict[str, str]) -> None:
    for name, path in pages.items():
        for width, kind in ((TABLE, ""), (PHONE, "-phone")):
            reader.screen(width)
            reader.open(path)
            reader.picture(folder / f"{name}{kind}.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
