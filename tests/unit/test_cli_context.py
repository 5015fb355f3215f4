"""The one place where an error becomes a message and an exit code."""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from io import StringIO

import pytest
import structlog
import typer
from typer.testing import CliRunner

from procore_4hse.cli.commands import Commands
from procore_4hse.cli.context import CliContext, start_logging
from procore_4hse.cli.text import age, counted, fields_in_words, plain, short, span
from procore_4hse.engine.report import Report
from procore_4hse.engine.run_routes import Summary, worst_exit_code
from procore_4hse.errors import ConfigurationError, GuardStopped, Problem, StoreError, SyncError, UsageError


def ending(error: Exception, *, verbose: bool = False, in_json: bool = False) -> tuple[int, str, str]:
    """How a command ends that meets this error: exit code, standard output, standard error."""
    app = typer.Typer(cls=Commands, pretty_exceptions_enable=False)

    @app.callback()
    def _options(ctx: typer.Context) -> None:
        ctx.obj = CliContext(verbose=verbose, answers_in_json=in_json)

    @app.command()
    def work() -> None:
        raise error

    done = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["work"])
    return done.exit_code, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("error", "code"),
    [(UsageError("U."), 2), (StoreError("S."), 4), (GuardStopped("G."), 7), (SyncError("E."), 1)],
)
def test_an_error_of_ours_is_its_sentence_and_its_code(error: SyncError, code: int) -> None:
    assert ending(error) == (code, "", f"{error}\n")


def test_a_configuration_error_lists_all_its_problems() -> None:
    problems = (Problem("a.toml:1", "is odd", "Mend it"), Problem("a.toml:2", "is odder", "Mend that"))
    code, _, said = ending(ConfigurationError(problems))
    assert code == 2
    assert all(part in said for part in ("a.toml:1: is odd.", "Mend it.", "a.toml:2: is odder.", "Mend that."))


def test_an_unexpected_error_is_one_sentence_without_its_own_words() -> None:
    code, out, said = ending(KeyError("Robin Marsh broke a leg"))
    assert (code, out, said.count("\n")) == (4, "", 1)
    assert "An internal error (KeyError) stopped this command. Run it again with -v" in said
    assert "Robin" not in said


def test_the_way_to_an_unexpected_error_is_shown_on_request() -> None:
    _, _, said = ending(KeyError("Robin Marsh broke a leg"), verbose=True)
    assert "in work" in said
    assert "Robin" not in said


def test_a_command_that_owes_json_gives_it_when_it_fails_too() -> None:
    code, out, _ = ending(StoreError("S."), in_json=True)
    assert json.loads(out) == {"outcome": "failed", "exit": code, "routes": []}


def test_a_broken_pipe_is_left_to_the_library() -> None:
    assert ending(BrokenPipeError())[0] == 1


# Logging ---------------------------------------------------------------------------------------------------------


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "context", "daemon", "level"),
    [
        (Terminal(), CliContext(), False, logging.WARNING),
        (Terminal(), CliContext(), True, logging.INFO),
        (StringIO(), CliContext(), False, logging.INFO),
        (StringIO(), CliContext(quiet=True), True, logging.ERROR),
        (Terminal(), CliContext(verbose=True), False, logging.DEBUG),
    ],
)
def test_who_sees_which_log_lines(
    monkeypatch: pytest.MonkeyPatch, stream: StringIO, context: CliContext, daemon: bool, level: int
) -> None:
    monkeypatch.setattr("sys.stderr", stream)
    start_logging(context, "json", daemon=daemon)
    log = structlog.get_logger("procore_4hse.test")
    for name in ("debug", "info", "warning", "error"):
        getattr(log, name)(f"an.{name}")
    structlog.reset_defaults()
    seen = [json.loads(line)["level"] for line in stream.getvalue().splitlines()]
    order = ["debug", "info", "warning", "error"]
    assert seen == [name for name in order if getattr(logging, name.upper()) >= level]


# Codes and words -------------------------------------------------------------------------------------------------


def test_the_gravest_code_is_the_first_of_4_2_3_7_1_0() -> None:
    order = [4, 2, 3, 7, 1, 0]
    assert [worst_exit_code(order[place:][::-1]) for place in range(len(order))] == order
    assert worst_exit_code([]) == 0


@pytest.mark.parametrize(
    ("reports", "outcome", "code"),
    [
        ([("ok", 0), ("busy", 0)], "ok", 0),
        ([("busy", 0)], "busy", 0),
        ([("partial", 1), ("failed", 1)], "failed", 1),
        ([("failed", 1), ("stopped", 7)], "stopped", 7),
        ([("stopped", 7), ("failed", 3)], "failed", 3),
        ([], "ok", 0),
    ],
)
def test_the_outcome_of_a_round_is_that_of_the_deciding_route(
    reports: list[tuple[str, int]], outcome: str, code: int
) -> None:
    done = Summary(tuple(Report("r", outcome=each, exit_code=its) for each, its in reports))
    assert (done.outcome, done.exit_code) == (outcome, code)


def test_contents_become_harmless_lines() -> None:
    assert plain("a\x1b[31m\x07b\nc") == "a\N{REPLACEMENT CHARACTER}[31m\N{REPLACEMENT CHARACTER}b\nc"
    assert short("one\n two   three", 12) == "one / two t…"
    assert short("\nOne\r\n\n \nTwo\n") == "One / Two"
    assert fields_in_words({"name": "Fall", "date_closed": None}) == "name: Fall\ndate_closed: empty"


@pytest.mark.parametrize(
    ("length", "long", "brief"),
    [
        (timedelta(seconds=59), "less than a minute", "now"),
        (timedelta(minutes=1), "1 minute", "1 minute"),
        (timedelta(hours=5, minutes=59), "5 hours", "5 hours"),
        (timedelta(days=2), "2 days", "2 days"),
    ],
)
def test_a_length_of_time_in_its_largest_unit(length: timedelta, long: str, brief: str) -> None:
    assert (span(length), age(length)) == (long, brief)


def test_a_count_agrees_with_its_noun() -> None:
    assert (counted(1, "link"), counted(2, "link"), counted(0, "injury", "injuries")) == (
        "1 link",
        "2 links",
        "0 injuries",
    )
