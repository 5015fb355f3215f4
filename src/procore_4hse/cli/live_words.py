"""What `mapping words` added to the lists of mapping folders, as people and as programs read it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from procore_4hse.cli.context import CliContext
from procore_4hse.cli.tables import table
from procore_4hse.errors import VendorError
from procore_4hse.operations.live_words import FolderReport, ListReport

ORDER = (4, 2, 3, 7, 1)


def worst_code(folders: Sequence[FolderReport]) -> int:
    """What the command ends with: a list that could not be read whole has an error of its own."""
    codes = {error.exit_code for error in _errors(folders)}
    return next((code for code in ORDER if code in codes), 0)


def words_json(folders: Sequence[FolderReport]) -> dict[str, Any]:
    code = worst_code(folders)
    return {"outcome": "partial" if code else "ok", "exit": code, "folders": [_folder(each) for each in folders]}


def show_words(context: CliContext, folders: Sequence[FolderReport]) -> None:
    for folder in folders:
        for report in folder.lists:
            _show(context, report)
    if any(report.found.lines for folder in folders for report in folder.lists):
        context.out.print("Look at the new lines, then run: procore-4hse mapping check", soft_wrap=True)


def _show(context: CliContext, report: ListReport) -> None:
    if report.error is not None:
        context.err.print(f"{report.file}: nothing was written. {report.error}", style="bold red", soft_wrap=True)
        return
    lines = report.found.lines
    context.out.print(f"{report.file}: {_counted(report)}.", style="green", soft_wrap=True)
    if lines:
        added = table(f"Added to words/{report.name}.yaml")
        for column in ("4HSE", "Procore", "mark", "records"):
            added.add_column(column, overflow="fold")
        for line in lines:
            added.add_row(line.fourhse, line.procore, line.mark, str(line.records))
        context.out.print(added)
    if asked := report.found.asked:
        words = "one word" if asked == 1 else f"{asked} words"
        context.out.print(
            f"  4HSE shows {words} that no entry of Procore's fits; each is a question in the inbox.", soft_wrap=True
        )


def _counted(report: ListReport) -> str:
    marks = [line.mark.value for line in report.found.lines]
    counted = [f"{marks.count(mark)} {mark}" for mark in dict.fromkeys(marks)]
    return f"{', '.join(counted)} lines added" if counted else "knows every word already, nothing was added"


def _folder(folder: FolderReport) -> dict[str, Any]:
    return {
        "folder": str(folder.folder),
        "routes": list(folder.routes),
        "lists": [_list(report) for report in folder.lists],
    }


def _list(report: ListReport) -> dict[str, Any]:
    added = [
        {"fourhse": line.fourhse, "procore": line.procore, "mark": line.mark, "records": line.records}
        for line in report.found.lines
    ]
    return {
        "list": report.name,
        "file": str(report.file),
        "added": added,
        "asked": report.found.asked,
        "problem": None if report.error is None else str(report.error),
    }


def _errors(folders: Sequence[FolderReport]) -> Iterator[VendorError]:
    return (report.error for folder in folders for report in folder.lists if report.error is not None)
