"""The command line: `main` is the program `procore-4hse`. Each command is a thin file beside this one."""

import gc
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Literal

import typer

from procore_4hse.cli.commands import LazyCommands
from procore_4hse.cli.context import CliContext, start_logging, version

EPILOG = (
    "Exit codes: 0 done or busy, 1 partial (a rerun may help), 2 usage, configuration or mapping, "
    "3 credentials or permissions, 4 the store or an internal error, 7 stopped: a person is needed."
)

app = typer.Typer(
    cls=LazyCommands,
    help="Keeps safety incidents the same in Procore and 4HSE, both ways, and says why it did what it did.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"procore-4hse {version()}")
        raise typer.Exit


@app.callback()
def _options(
    ctx: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", help="The configuration; else SYNC_CONFIG, else config/sync.toml."),
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Log every step; show where an error arose.")
    ] = False,
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", help="Log errors only, show no progress, and of a sync that went well nothing."),
    ] = False,
    log_format: Annotated[
        Literal["console", "json"] | None,
        typer.Option("--log-format", help="How log lines look; console on a terminal, else json."),
    ] = None,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    ctx.obj = context = CliContext(config=config, verbose=verbose, quiet=quiet)
    start_logging(context, log_format, daemon=ctx.invoked_subcommand == "run")


def _show_on_any_console() -> None:
    """A character that the console has no form for is replaced, and ends no command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


def main() -> None:
    """Runs the command that the arguments name and ends with its exit code."""
    # No garbage is looked for while modules load: that would be a tenth of the time of a short command.
    gc.disable()
    _show_on_any_console()
    app(prog_name="procore-4hse")
