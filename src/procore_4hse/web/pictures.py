"""Bars of a small picture, day by day: where they stand and how high they are. A template draws them as SVG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

SLOT, HEIGHT = 20, 100
"""What one day takes of the width, and the whole height; units of the picture, which is stretched to its place."""
ROOM = 16
"""What the bars of one day take of its slot."""
LEAST = 2
"""A bar that stands for something is never so low that nobody sees it."""


@dataclass(frozen=True)
class Series:
    """`name` tells its bars from those of the other series, by pattern as well as by colour."""

    name: str
    label: str
    values: Sequence[float]


@dataclass(frozen=True)
class Bar:
    name: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Picture:
    """`top` is the value that fills the whole height."""

    title: str
    words: str
    series: tuple[Series, ...]
    top: float

    @property
    def width(self) -> int:
        return SLOT * max(len(one.values) for one in self.series)

    @property
    def height(self) -> int:
        return HEIGHT

    def bars(self) -> Iterator[Bar]:
        width = ROOM / len(self.series)
        for place, one in enumerate(self.series):
            for day, value in enumerate(one.values):
                if value > 0:
                    height = round(max(LEAST, min(value / self.top, 1) * HEIGHT), 1)
                    x = day * SLOT + (SLOT - ROOM) / 2 + place * width
                    yield Bar(one.name, x, round(HEIGHT - height, 1), width, height)
