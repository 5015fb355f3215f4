"""`webhooks`: Procore's hooks that move due times forward."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from procore_4hse.bootstrap import hasty_store
from procore_4hse.cli.context import CliContext, Json, RouteNames, cli_context, teach
from procore_4hse.cli.tables import table
from procore_4hse.cli.text import age, counted
from procore_4hse.engine.run_routes import worst_exit_code
from procore_4hse.errors import SyncError, UsageError
from procore_4hse.operations.hints import Hints
from procore_4hse.operations.webhooks import Change, HookState, RouteHook, Seals
from procore_4hse.route import Route
from procore_4hse.runtime import Runtime
from procore_4hse.settings.values import place_of
from procore_4hse.web.keys import Keys

GROUP = """Procore's hooks: they tell at once that an incident changed, so that its route has a cycle within a minute.

Without a word after it, `webhooks` tells how they stand. `run --hooks` receives them, at `hooks.url` as Procore reaches
it. A hook moves the time when a route is due and does nothing else: one that is lost costs a pause, one that is false a
cycle. 4HSE has no hooks for incidents.

[bold]Example[/bold]  procore-4hse webhooks install

[bold]Exit codes[/bold]  0 done · 1 Procore could not be reached, or a hook needs attention · 2 configuration · 3 our
account may not see hooks · 4 the store cannot be used
"""

INSTALL = """Makes a hook for each route, or mends the one that is there. What is in order stays as it is.

Procore proves with a random token that a hook is ours; the store keeps a keyed hash of it. With `--new-token` each hook
gets another one, and the old one counts for a day more. A new `procore.client_secret` needs new tokens too.

[bold]Example[/bold]  procore-4hse webhooks install --route riverside --new-token

[bold]Exit codes[/bold]  0 done · 1 Procore could not be reached · 2 configuration · 3 our account may not see hooks ·
4 the store cannot be used
"""

STATUS = """How the hooks stand: whether Procore has them, when the last one came, and which deliveries failed in a day.

[bold]Example[/bold]  procore-4hse webhooks status --json

[bold]Exit codes[/bold]  0 all are in order · 1 Procore could not be reached, or a hook needs attention · 2
configuration · 3 our account may not see hooks · 4 the store cannot be used
"""

REMOVE = """Removes the hooks of the routes from Procore, those of this configuration alone. Cycles go on as before.

[bold]Example[/bold]  procore-4hse webhooks remove --route riverside

[bold]Exit codes[/bold]  0 done · 1 Procore could not be reached · 2 configuration · 3 our account may not see hooks ·
4 the store cannot be used
"""

DONE = {
    Change.MADE: "has a hook now",
    Change.RENEWED: "has a new token; the old one counts for a day more",
    Change.COMPLETED: "tells of more now",
    Change.NONE: "is in order",
}

NewToken = Annotated[bool, typer.Option("--new-token", help="Give each hook another token.")]


def api(app: typer.Typer) -> None:
    group = typer.Typer(help=teach(GROUP), invoke_without_command=True)
    group.callback()(either)
    group.command("install", help=teach(INSTALL))(install)
    group.command("status", help=teach(STATUS))(status)
    group.command("remove", help=teach(REMOVE))(remove)
    app.add_typer(group, name="webhooks")


def either(ctx: typer.Context, as_json: Json = False) -> None:
    if ctx.invoked_subcommand is None:
        _status(cli_context(ctx), [], as_json=as_json)


def status(ctx: typer.Context, route: RouteNames = None, as_json: Json = False) -> None:
    _status(cli_context(ctx), route or [], as_json=as_json)


def install(ctx: typer.Context, route: RouteNames = None, new_token: NewToken = False) -> None:
    context = cli_context(ctx)
    routes = context.chosen(route or [])
    _address(context)

    def make(hook: RouteHook) -> str:
        return f"Route {hook.route.name}: {DONE[hook.install(renew=new_token)]}."

    _each(context, routes, make)


def remove(ctx: typer.Context, route: RouteNames = None) -> None:
    context = cli_context(ctx)

    def take(hook: RouteHook) -> str:
        return f"Route {hook.route.name}: {counted(hook.remove(), 'hook')} removed."

    _each(context, context.named(route or []), take)


# Receiving -------------------------------------------------------------------------------------------------------


@contextmanager
def received(context: CliContext, routes: Sequence[Route]) -> Iterator[str]:
    """Hooks move due times of these routes while the caller's work goes on; gives the address on this machine."""
    from procore_4hse.web.hooks import receiving

    settings, keys = context.settings.hooks, Keys.of(context.settings)
    _address(context)
    host, port = place_of(settings.listen)
    with hasty_store(context.settings) as store:
        hints = Hints(store, keys.hashed, {route.procore_project: route for route in routes})
        with receiving(hints, host, port, settings.path) as url:
            yield url


def _address(context: CliContext) -> str:
    """Where Procore is to send."""
    if not context.settings.hooks.url:
        raise UsageError("Nobody knows where Procore is to send its hooks; add url under [hooks].")
    return context.settings.hooks.url


# Each route ------------------------------------------------------------------------------------------------------


def _hook(context: CliContext, runtime: Runtime, route: Route) -> RouteHook:
    keys = Keys.of(context.settings)
    api = runtime.apis(route)[0].webhooks()
    return RouteHook(runtime.store, route, api, context.settings.hooks.url, Seals(keys.hashed, keys.digest))


def _each(context: CliContext, routes: Sequence[Route], act: Callable[[RouteHook], str]) -> None:
    """The same for every route; one that fails does not keep the others from it."""
    codes = [0]
    with context.runtime() as runtime:
        for route in routes:
            try:
                context.out.print(act(_hook(context, runtime, route)), soft_wrap=True)
            except SyncError as error:
                context.err.print(str(error), style="bold red", soft_wrap=True)
                codes.append(error.exit_code)
    raise typer.Exit(worst_exit_code(codes))


def _status(context: CliContext, names: Sequence[str], *, as_json: bool) -> None:
    found: list[tuple[Route, HookState | SyncError]] = []
    with context.runtime() as runtime:
        for route in context.chosen(names):
            try:
                found.append((route, _hook(context, runtime, route).state()))
            except SyncError as error:
                found.append((route, error))
    code = worst_exit_code([_code(told) for _, told in found])
    if as_json:
        listed = [_json(route, told) for route, told in found]
        context.print_json({"outcome": "failed" if code else "ok", "exit": code, "webhooks": listed})
    else:
        _show(context, found)
    raise typer.Exit(code)


def _code(told: HookState | SyncError) -> int:
    return told.exit_code if isinstance(told, SyncError) else int(bool(told.problems))


def _problems(told: HookState | SyncError) -> list[str]:
    return [str(told)] if isinstance(told, SyncError) else [*told.problems]


def _json(route: Route, told: HookState | SyncError) -> dict[str, Any]:
    state = told if isinstance(told, HookState) else None
    hook, last = (state.hook, state.last_hint_at) if state else (None, None)
    return {
        "route": route.name,
        "hook": hook and hook.id,
        "url": hook and hook.url,
        "active": hook is not None and hook.is_active,
        "last_hint_at": last and last.isoformat(),
        "failed_deliveries": len(state.failures) if state else None,
        "problems": _problems(told),
    }


def _show(context: CliContext, found: Sequence[tuple[Route, HookState | SyncError]]) -> None:
    now, listed = datetime.now(UTC), table()
    for column in ("route", "hook", "last hint", "failed in a day"):
        listed.add_column(column)
    for route, told in found:
        if isinstance(told, HookState):
            last = age(now - told.last_hint_at) if told.last_hint_at else "none known"
            listed.add_row(route.name, told.hook.id if told.hook else "none", last, str(len(told.failures)))
    context.out.print(listed)
    for _, told in found:
        for problem in _problems(told):
            context.err.print(problem, style="yellow", soft_wrap=True)
