"""`metrics`: what a monitoring system reads, without a call to either system."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from procore_4hse.cli.context import cli_context, teach, version
from procore_4hse.errors import UsageError
from procore_4hse.operations.metrics import StoreCollector, written
from procore_4hse.operations.status import Terms
from procore_4hse.store.repository import Store

HELP = "What a monitoring system reads: how each route stands, what waits, what was called and written."

WRITE = """Writes the metrics into FILE, for the textfile collector of Prometheus' node exporter: run it from cron after
`sync`. `run` serves the same under `/metrics`, where `metrics.listen` says.

They come from the store, so that any machine that has it tells the same. FILE is replaced as a whole; where the store
cannot be read it stays as it was, and its age tells.

[bold]Example[/bold]  procore-4hse metrics write /var/lib/node_exporter/procore_4hse.prom

[bold]Exit codes[/bold]  0 written · 2 configuration, or a file that cannot be written · 4 the store cannot be used
"""

metrics = typer.Typer(name="metrics", help=HELP, no_args_is_help=True, rich_markup_mode="rich")


def api(app: typer.Typer) -> None:
    app.add_typer(metrics)


@metrics.command("write", help=teach(WRITE))
def write(
    ctx: typer.Context, file: Annotated[Path, typer.Argument(metavar="FILE", help="Such as procore_4hse.prom.")]
) -> None:
    context = cli_context(ctx)
    with closing(Store(context.settings.store.url.get_secret_value())) as store:
        collector = StoreCollector(store, context.routes, Terms.of(context.settings), version())
        try:
            written(collector, file)
        except OSError as error:
            raise UsageError(f"{file} cannot be written ({error.strerror}); choose another place.") from error
