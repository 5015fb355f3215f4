"""`simulate create`, `edit`, `delete` ...: what people do in the two simulated systems while they run."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from procore_4hse.cli.context import CliContext, cli_context, teach
from procore_4hse.cli.text import counted
from procore_4hse.errors import UsageError
from procore_4hse.simulator.manual_edits import NotDone, by_hand

CREATE = """Reports an incident in one of the simulated systems, as a person would who works there, and prints its id.

`--injured` names somebody whom that system knows as hurt in it. Further fields have the names that the system gives
them; without, the incident happened today and nobody was hurt.

[bold]Example[/bold]  procore-4hse simulate create procore "Fall from the scaffold" --injured "Ann Lee"

[bold]Exit codes[/bold]  0 created · 2 nobody of that name, or a value that the system refuses
"""

EDIT = """Changes one record in the simulated systems, as a person would who works in Procore or 4HSE.

ID is the record's id in either system, as `explain` shows it, or that of a person in its list of people; a field has
the name that its system gives it. A field of Procore's that has a list takes the word that people see, a custom field
too. Nothing behind the `=` empties a field, and `\\n` begins a new line. It reaches no real system: an address that is
not on this machine is refused.

[bold]Example[/bold]  procore-4hse simulate edit 598134325870420 "title=Fall from the north scaffold"

[bold]Exit codes[/bold]  0 changed · 2 no such record, or a value that the system refuses
"""

DELETE = """Deletes a record in the simulated systems: in Procore it goes to the recycle bin, in 4HSE it is gone for
good.

[bold]Example[/bold]  procore-4hse simulate delete 598134325870420

[bold]Exit codes[/bold]  0 deleted · 2 no such record
"""

RESTORE = """Brings a record back from the recycle bin of the simulated Procore. 4HSE has none.

[bold]Example[/bold]  procore-4hse simulate restore 598134325870420

[bold]Exit codes[/bold]  0 restored · 2 it is not in the bin
"""

HIDE = """Takes one incident of the simulated 4HSE out of our account's sight, as when somebody changes its rights.

[bold]Example[/bold]  procore-4hse simulate hide 5b7f5a5e-1d39-4a7c-8f43-7b1d6f3a9e02

[bold]Exit codes[/bold]  0 hidden · 2 no such incident
"""

SHOW = """Lets our account see such an incident again.

[bold]Example[/bold]  procore-4hse simulate show 5b7f5a5e-1d39-4a7c-8f43-7b1d6f3a9e02

[bold]Exit codes[/bold]  0 shown · 2 no such incident
"""

REFUSE = """Lets one of the simulated systems refuse what is written to it next: the next write, or the next so many.

It is answered as that system answers what it does not take, and nothing is changed. What people do there is never
refused. `--times 0` takes back what is still to be refused.

[bold]Example[/bold]  procore-4hse simulate refuse 4hse --times 2

[bold]Exit codes[/bold]  0 noted · 2 no simulated system answers
"""


class System(StrEnum):
    PROCORE = "procore"
    FOURHSE = "4hse"


Where = Annotated[System, typer.Argument(metavar="procore|4hse", help="The system in which it happens.")]
Title = Annotated[str, typer.Argument(metavar="TITLE", help="What happened, in a few words.")]
RecordId = Annotated[str, typer.Argument(metavar="ID", help="The record's id in Procore or in 4HSE.")]
Changes = Annotated[list[str], typer.Argument(metavar="FIELD=VALUE...", help="A field and what it is to hold.")]
More = Annotated[list[str] | None, typer.Argument(metavar="[FIELD=VALUE]...", help="Further fields.")]
DaysAgo = Annotated[
    int, typer.Option("--days-ago", metavar="N", min=0, max=3650, help="So many days ago it happened; else today.")
]
Injured = Annotated[str, typer.Option("--injured", metavar="PERSON", help="Who was hurt.")]
Reporter = Annotated[str, typer.Option("--as", metavar="PERSON", help="Who reports it.")]
Times = Annotated[int, typer.Option("--times", metavar="N", min=0, max=1000, help="So many writes; else one.")]


def add_to(group: typer.Typer) -> None:
    group.command("create", help=teach(CREATE))(create)
    group.command("edit", help=teach(EDIT))(edit)
    group.command("delete", help=teach(DELETE))(delete)
    group.command("restore", help=teach(RESTORE))(restore)
    group.command("hide", help=teach(HIDE))(hide)
    group.command("show", help=teach(SHOW))(show)
    group.command("refuse", help=teach(REFUSE))(refuse)


def create(
    ctx: typer.Context,
    system: Where,
    title: Title,
    more: More = None,
    days_ago: DaysAgo = 0,
    injured: Injured = "",
    reporter: Reporter = "",
) -> None:
    context = cli_context(ctx)
    happened = datetime.now(UTC).date() - timedelta(days=days_ago)
    asked = {"title": title, "day": happened.isoformat(), "injured": injured, "reporter": reporter}
    made = _act(_url(context, system), "create", **asked, fields=_split(more or ()))
    context.out.print(f"The incident {made} was reported by hand.", soft_wrap=True)


def edit(ctx: typer.Context, record_id: RecordId, changes: Changes) -> None:
    _tell(ctx, record_id, "edit", "was changed by hand", fields=_split(changes))


def delete(ctx: typer.Context, record_id: RecordId) -> None:
    _tell(ctx, record_id, "delete", "was deleted by hand")


def restore(ctx: typer.Context, record_id: RecordId) -> None:
    _tell(ctx, record_id, "restore", "was brought back by hand")


def hide(ctx: typer.Context, record_id: RecordId) -> None:
    _tell(ctx, record_id, "hide", "is out of our account's sight")


def show(ctx: typer.Context, record_id: RecordId) -> None:
    _tell(ctx, record_id, "show", "is in our account's sight again")


def refuse(ctx: typer.Context, system: Where, times: Times = 1) -> None:
    context = cli_context(ctx)
    _act(_url(context, system), "refuse", times=times)
    name = "Procore" if system is System.PROCORE else "4HSE"
    told = "refuses the next write" if times == 1 else f"refuses the next {counted(times, 'write')}"
    context.out.print(f"{name} {told if times else 'refuses no write any more'}.")


def _tell(ctx: typer.Context, record_id: str, act: str, told: str, **asked: Any) -> None:
    context = cli_context(ctx)
    system = System.PROCORE if record_id.isdecimal() else System.FOURHSE
    record = _act(_url(context, system), act, id=record_id, **asked)
    context.out.print(f"The {record} {record_id} {told}.", soft_wrap=True)


def _act(url: str, act: str, **asked: Any) -> str:
    try:
        return by_hand(url, act, **asked)
    except NotDone as error:
        raise UsageError(str(error)) from error


def _url(context: CliContext, system: System) -> str:
    """Where the simulated system is; UsageError when the configuration names another one."""
    settings = context.settings
    url = settings.procore.api_url if system is System.PROCORE else settings.fourhse.api_url
    host = urlsplit(url).hostname or ""
    if host != "localhost" and not _is_loopback(host):
        raise UsageError(f"{url} is no simulated system; this is for the systems of `procore-4hse simulate` only.")
    return url


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _split(changes: Sequence[str]) -> dict[str, str]:
    return dict(map(_field, changes))


def _field(change: str) -> tuple[str, str]:
    name, is_split, value = change.partition("=")
    if not is_split:
        raise UsageError(f"`{change}` has no `=`; write FIELD=VALUE, in quotes where the value has blanks.")
    return name.strip(), value
