"""The commands by name and summary; the module of a command is loaded when that command is asked for."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Any, cast

import typer
from typer.core import TyperCommand, TyperGroup

from procore_4hse.cli.context import Ending

SUMMARIES = {
    "init": "Writes a commented configuration and a copy of the default mapping, to begin with.",
    "check": "Whether the configuration can work: credentials, what our accounts may see on each route, clocks, "
    "time zones, and every word that both systems show now against the mapping.",
    "sync": "One cycle, then exit: reads both systems, writes what changed, asks about the rest.",
    "plan": "The same cycle as `sync`, without one write to either system: every intended action with its reason.",
    "backfill": "Incidents that happened in a range of days, whatever the route's `since` says.",
    "run": "The daemon: a cycle of each route when it is due, `schedule.every` after the one before, until it is told "
    "to end.",
    "status": "How each route stands: its last cycle and the next one, how many incidents are in sync, what waits for "
    "a person and since when, what is left of the call budgets and how often they allow a cycle.",
    "metrics": "What a monitoring system reads: how each route stands, what waits, what was called and written.",
    "routes": "When each route is due, and why; and pausing a route without editing the configuration.",
    "webhooks": "Procore's hooks: they tell at once that an incident changed, so that its route has a cycle within a "
    "minute.",
    "explain": "What one incident is now: how both sides stand, what happens next, what waits for a person, what "
    "people decided about it, and what was written for it last.",
    "history": "Every write that was carried out: when, where, which field, from what to what, why, and whose decision "
    "it was.",
    "demo": "Shows a two-way sync from the first meeting to a quiet cycle, on two simulated systems and real "
    "incidents.",
    "desk": "The inbox in the browser: what waits for a person, the story of each incident, how each route stands.",
    "inbox": "What waits for a person: list it, look at one item, answer it.",
    "links": "Which incident is which: list the links, add one by hand, take one apart.",
    "mapping": "Which field of one system is which of the other.",
    "db": "The staging store: what was read, links, what both sides last agreed on, the journal.",
    "simulate": "Both systems as simulated servers on this machine, until Ctrl-C: to try commands without an account.",
}
"""Each command, in the order of the help: the first paragraph of its own help. Its file has its name."""


class Commands(TyperGroup):
    """A group of commands with one way to end in an error."""

    def invoke(self, ctx: Any) -> Any:
        with Ending(ctx):
            return super().invoke(ctx)


class LazyCommands(Commands):
    """The commands of `SUMMARIES`: help and completion know their summaries, and only a call loads one."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = cast("Any", LoadedCommands())

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A command to be listed, without options and without its work."""
        return TyperCommand(cmd_name, help=SUMMARIES[cmd_name]) if cmd_name in SUMMARIES else None

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, _, rest = super().resolve_command(ctx, args)
        return name, self.commands[name] if name else None, rest

    def list_commands(self, ctx: Any) -> list[str]:
        return list(SUMMARIES)


class LoadedCommands(Mapping[str, Any]):
    """Each command whole; looking one up loads its module."""

    def __getitem__(self, name: str) -> Any:
        if name not in SUMMARIES:
            raise KeyError(name)
        return _loaded(name)

    def __iter__(self) -> Iterator[str]:
        return iter(SUMMARIES)

    def __len__(self) -> int:
        return len(SUMMARIES)


@cache
def _loaded(name: str) -> Any:
    app = typer.Typer(rich_markup_mode="rich")
    import_module(f"procore_4hse.cli.{name}").api(app)
    if not gc.isenabled():
        # `main` put this off until here. What the modules brought stays, so it is never looked through.
        gc.freeze()
        gc.enable()
    return typer.main.get_group(app).commands[name]
