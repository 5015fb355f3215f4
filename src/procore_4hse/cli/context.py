"""What every command starts from: the global options, settings read when needed, one way to end in an error."""

from __future__ import annotations

import getpass
import json
import logging
import os
import re
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from io import TextIOBase
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Any, TextIO, cast

import typer

from procore_4hse.errors import ConfigurationError, SyncError, UsageError

# What only some commands need is imported where it is used, so that the others start quickly.
if TYPE_CHECKING:
    from rich.console import Console

    from procore_4hse.log import Format
    from procore_4hse.route import Route
    from procore_4hse.runtime import Runtime
    from procore_4hse.settings.model import Settings
    from procore_4hse.store.repository import Store

INTERNAL = 4

RouteNames = Annotated[
    list[str] | None, typer.Option("--route", metavar="NAME", help="Only this route; may be given again.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output and nothing else there.")]


def version() -> str:
    from importlib.metadata import version as distribution_version

    return distribution_version("procore-4hse-sync")


@dataclass
class CliContext:
    """Where a command sits: the global options, and what it needs made from them on first use."""

    config: Path | None = None
    verbose: bool = False
    quiet: bool = False
    answers_in_json: bool = False
    """Set by a command that owes one JSON object on standard output, so that it comes even when the command fails."""

    @cached_property
    def out(self) -> Console:
        """Standard output, for results."""
        return _console()

    @cached_property
    def err(self) -> Console:
        """Standard error, for progress, questions and errors."""
        return _console(stderr=True)

    @cached_property
    def settings(self) -> Settings:
        from procore_4hse.settings.loader import load

        return load(self.config, os.environ)

    @cached_property
    def routes(self) -> tuple[Route, ...]:
        """All routes of the configuration with their mappings, disabled ones too."""
        from procore_4hse.bootstrap import routes_of

        return routes_of(self.settings)

    @property
    def is_configured(self) -> bool:
        """Whether there is any sign of a configuration: a file that is named or in its usual place, or variables."""
        from procore_4hse.settings.sources import CONFIG_VARIABLE, PREFIX, SECRETS_VARIABLE
        from procore_4hse.settings.toml_file import DEFAULT_FILE

        names = (CONFIG_VARIABLE, SECRETS_VARIABLE, f"{PREFIX}ROUTES")
        return self.config is not None or DEFAULT_FILE.exists() or any(os.environ.get(name) for name in names)

    def named(self, names: Sequence[str]) -> tuple[Route, ...]:
        """The routes with these names, all when there are none; a name that no route has is a UsageError."""
        known = {route.name: route for route in self.routes}
        if unknown := [name for name in names if name not in known]:
            listed = ", ".join(known)
            raise UsageError(f"There is no route {', '.join(unknown)}; the configuration has: {listed}.")
        return tuple(known[name] for name in dict.fromkeys(names)) or self.routes

    def chosen(self, names: Sequence[str]) -> tuple[Route, ...]:
        """The same without disabled routes, each of which is told."""
        wanted = self.named(names)
        for route in wanted:
            if not route.enabled:
                self.note(f"Route {route.name} is disabled in the configuration and was skipped.")
        return tuple(route for route in wanted if route.enabled)

    def unpaused(self, store: Store, routes: Sequence[Route]) -> tuple[Route, ...]:
        """Those that no person paused; each of the others is told."""
        from procore_4hse.operations.schedule import paused_routes

        paused = paused_routes(store, routes)
        for route in paused:
            self.note(
                f"Route {route.name} is paused and was skipped; go on with: procore-4hse routes resume {route.name}"
            )
        return tuple(route for route in routes if route not in paused)

    @contextmanager
    def runtime(
        self, *, stopping: Callable[[], bool] = lambda: False, sleep: Callable[[float], None] = time.sleep
    ) -> Iterator[Runtime]:
        """Store and connections; the store is created or brought up to date first. No call is made by opening."""
        from procore_4hse.bootstrap import open_runtime

        with open_runtime(self.settings, stopping=stopping, sleep=sleep) as runtime:
            yield runtime

    def note(self, sentence: str) -> None:
        if not self.quiet:
            self.err.print(sentence, style="dim")

    def print_json(self, data: Any) -> None:
        """Exactly one JSON object on standard output."""
        # Where the encoding lacks a character, JSON's own escape loses nothing.
        is_whole = (sys.stdout.encoding or "").lower().startswith("utf")
        sys.stdout.write(json.dumps(data, ensure_ascii=not is_whole, indent=2, default=str) + "\n")
        self.answers_in_json = False

    def confirm(self, question: str, *, yes: bool) -> None:
        """Goes on after a yes; without a terminal only `--yes` says it."""
        self.must_be_able_to_ask(yes=yes)
        if not yes:
            typer.confirm(question, abort=True, err=True)

    def must_be_able_to_ask(self, *, yes: bool) -> None:
        if not yes and not sys.stdin.isatty():
            raise UsageError("This asks first, and there is no terminal to ask on; add --yes to go ahead.")


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    return Console(markup=False, highlight=False, stderr=stderr)


def teach(text: str) -> str:
    """A help text whose paragraphs fill the width of the terminal, however the lines were written.

    A paragraph that begins in bold is a list: what stands between middle dots gets a line of its own.
    """
    return "\n\n".join(_paragraph(" ".join(part.split())) for part in text.strip().split("\n\n"))


def _paragraph(words: str) -> str:
    if not words.startswith("[bold]"):
        return words
    return words.replace("[/bold] ", "[/bold]\n  ", 1).replace(" · ", "\n  ")


def system_user() -> str:
    """The name of the system user; its number where, as in some containers, it has none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"


def cli_context(ctx: typer.Context) -> CliContext:
    context = ctx.find_object(CliContext)
    return context or CliContext()


# Logging ---------------------------------------------------------------------------------------------------------


class _StandardError(TextIOBase):
    """Whatever standard error is at the moment of writing, so that a progress bar can make room for a line."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()

    def isatty(self) -> bool:
        return sys.stderr.isatty()


def start_logging(context: CliContext, format: Format | None, *, daemon: bool) -> None:
    """A person at a terminal sees warnings, for the command's own screen tells the rest; everybody else the events."""
    from procore_4hse import log

    level = logging.WARNING if sys.stderr.isatty() and not daemon else logging.INFO
    if context.quiet:
        level = logging.ERROR
    if context.verbose:
        level = logging.DEBUG
    colour = False if context.err.no_color else None
    log.configure(level, format, cast("TextIO", _StandardError()), colour=colour)


# Errors ----------------------------------------------------------------------------------------------------------


class Ending:
    """The one place where an error becomes a message on standard error and an exit code."""

    def __init__(self, ctx: Any) -> None:
        self.ctx = ctx

    def __enter__(self) -> Ending:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not isinstance(error, Exception) or isinstance(error, BrokenPipeError) or _is_typers(error):
            return
        context = cli_context(self.ctx)
        code = tell(context, error)
        if context.answers_in_json:
            context.print_json({"outcome": "failed", "exit": code, "routes": []})
        raise typer.Exit(code)


def _is_typers(error: Exception) -> bool:
    """A wrong option, a question answered with no, an exit code: the library shows these itself."""
    return type(error).__module__.partition(".")[0] in ("typer", "click")


def tell(context: CliContext, error: Exception) -> int:
    """Says what happened and what to do next; the exit code."""
    if isinstance(error, SyncError):
        if isinstance(error, ConfigurationError):
            show_problems(context, error)
        else:
            context.err.print(str(error), style="bold red")
        return error.exit_code
    hint = "Report the lines below." if context.verbose else "Run it again with -v before the command, and report that."
    context.err.print(f"An internal error ({type(error).__name__}) stopped this command. {hint}", style="bold red")
    if context.verbose:
        context.err.print("".join(traceback.format_tb(error.__traceback__)), soft_wrap=True)
    return INTERNAL


def show_problems(context: CliContext, error: ConfigurationError) -> None:
    """Every problem: the place, what is wrong there, and what to do about it."""
    context.err.print(str(error), style="bold red")
    for problem in error.problems:
        context.err.print(f"  {problem.place}: {problem.what}.", soft_wrap=True)
        context.err.print(f"    {ended(problem.remedy)}", style="cyan", soft_wrap=True)


def ended(sentence: str) -> str:
    """With a full stop, unless it asks."""
    return sentence if sentence.endswith("?") else f"{sentence}."


def day(text: str | date) -> date:
    """A day as people write it on the command line. Raises BadParameter."""
    if isinstance(text, date):
        return text
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise typer.BadParameter(f"{text} is no day of the calendar; write it as YYYY-MM-DD.")
