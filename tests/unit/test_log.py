import io
import json
import logging
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
import structlog

from procore_4hse import log
from procore_4hse.errors import AccessRefused
from procore_4hse.models import Kind, RawRecord, Side


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    structlog.reset_defaults()
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("procore_4hse").setLevel(logging.NOTSET)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def our_logger() -> Any:
    return structlog.get_logger("procore_4hse.push")


def test_elsewhere_than_on_a_terminal_a_line_is_one_json_object(stream: io.StringIO) -> None:
    log.configure(logging.INFO, None, stream)
    our_logger().info("push.created", route="riverside", id="17", seconds=1.5, since=date(2026, 1, 2))
    our_logger().warning("words with\na line end", side=Side.FOURHSE, ids=("1", "2"), wait=timedelta(minutes=5))

    first, second = lines(stream)

    assert first.pop("timestamp").endswith("Z")
    assert first == {
        "event": "push.created",
        "level": "info",
        "route": "riverside",
        "id": "17",
        "seconds": 1.5,
        "since": "2026-01-02",
    }
    assert (second["event"], second["side"], second["ids"]) == ("words with\na line end", "fourhse", ["1", "2"])
    assert second["wait"] == "0:05:00"


def test_on_a_terminal_it_is_a_coloured_console_line() -> None:
    stream = Terminal()
    log.configure(logging.INFO, None, stream)
    our_logger().info("push.created", route="riverside")
    assert "push.created" in stream.getvalue()
    assert "\x1b[" in stream.getvalue()
    assert not stream.getvalue().startswith("{")


def test_colour_can_be_refused_and_the_format_chosen() -> None:
    stream = Terminal()
    log.configure(logging.INFO, "console", stream, colour=False)
    our_logger().info("push.created", route="riverside")
    assert "route=riverside" in stream.getvalue()
    assert "\x1b[" not in stream.getvalue()

    stream = Terminal()
    log.configure(logging.INFO, "json", stream)
    our_logger().info("push.created")
    assert lines(stream)[0]["event"] == "push.created"


def test_the_level_decides_what_is_said(stream: io.StringIO) -> None:
    log.configure(logging.WARNING, "json", stream)
    our_logger().info("pull.page")
    our_logger().warning("guard.stopped")
    assert [line["event"] for line in lines(stream)] == ["guard.stopped"]


@pytest.mark.parametrize(
    "key",
    [
        "token",
        "secret",
        "password",
        "authorization",
        "Authorization",
        "client_secret",
        "access_token",
        "refreshToken",
        "Set-Cookie",
        "title",
        "description",
        "name",
        "first_name",
        "last_name",
        "username",
        "payload",
        "body",
        "words",
        "email",
        "fields",
    ],
)
def test_what_is_secret_or_about_a_person_is_hidden_by_its_key(stream: io.StringIO, key: str) -> None:
    log.configure(logging.DEBUG, "json", stream)
    our_logger().info("x", **{key: "Ada fell"}, nested=[{key: {"deep": "Ada fell"}}])
    (line,) = lines(stream)
    assert line[key] == "[hidden]"
    assert line["nested"] == [{key: "[hidden]"}]
    assert "Ada" not in stream.getvalue()


@pytest.mark.parametrize("key", ["route", "renamed", "kind", "field", "tokens", "procore_id", "reason"])
def test_facts_are_not_hidden(stream: io.StringIO, key: str) -> None:
    log.configure(logging.INFO, "json", stream)
    our_logger().info("x", **{key: "seen"})
    assert lines(stream)[0][key] == "seen"


@pytest.mark.parametrize(
    "text",
    [
        "GET /x Authorization: Bearer S3CRETabcdef.ghi-jkl",
        "basic UzNDUkVUOlMzQ1JFVA==",
        "eyJhbGciOiJub25lIn0.UzNDUkVU.c2ln",
        "postgresql+psycopg://sync:S3CRET@db/sync",
        "grant_type=password&password=S3CRET&client_secret=S3CRET",
        "{'access_token': 'S3CRET'}",
    ],
)
def test_text_that_looks_like_a_secret_is_hidden_wherever_it_stands(stream: io.StringIO, text: str) -> None:
    log.configure(logging.INFO, "json", stream)
    our_logger().info(text, reason=text, calls=[text])
    logging.getLogger("httpx").warning("%s", text)
    assert "S3CRET" not in stream.getvalue()
    assert "UzNDUkVU" not in stream.getvalue()
    assert stream.getvalue().count("[hidden]") >= 4


def test_an_object_shows_its_class_only(stream: io.StringIO) -> None:
    log.configure(logging.INFO, "json", stream)
    our_logger().info("x", record=RawRecord(Side.PROCORE, Kind.INCIDENT, "1", {"title": "Ada fell"}))
    assert lines(stream)[0]["record"] == "<RawRecord>"


def refuse() -> None:
    raise AccessRefused("Procore refused the token; check the client secret.", side=Side.PROCORE)


def test_an_error_of_ours_is_its_class_and_sentence(stream: io.StringIO) -> None:
    log.configure(logging.INFO, "json", stream)
    try:
        refuse()
    except AccessRefused as error:
        our_logger().exception("cycle.failed")
        our_logger().warning("cycle.failed", cause=error)

    said = "AccessRefused: Procore refused the token; check the client secret."
    first, second = lines(stream)
    assert first["error"] == said
    assert second["cause"] == said
    assert "frames" not in first
    assert "exc_info" not in first
    assert "Traceback" not in stream.getvalue()


@pytest.mark.parametrize("level", [logging.INFO, logging.DEBUG])
def test_the_words_of_any_other_error_stay_out(stream: io.StringIO, level: int) -> None:
    log.configure(level, "json", stream)
    try:
        raise KeyError("Ada fell")
    except KeyError:
        our_logger().exception("cycle.failed")
        logging.getLogger("apscheduler.executors").exception("Job raised")

    assert "Ada" not in stream.getvalue()
    for line in lines(stream):
        assert line["error"].startswith("KeyError at test_log.py:")
        assert ("frames" in line) == (level == logging.DEBUG)


def test_debug_shows_the_calls_that_led_to_an_error(stream: io.StringIO) -> None:
    log.configure(logging.DEBUG, "json", stream)
    try:
        refuse()
    except AccessRefused:
        our_logger().exception("cycle.failed")
    frames = lines(stream)[0]["frames"]
    assert [frame.split()[-1] for frame in frames] == ["test_debug_shows_the_calls_that_led_to_an_error", "refuse"]


def test_libraries_are_heard_from_warnings_up_even_in_debug(stream: io.StringIO) -> None:
    log.configure(logging.DEBUG, "json", stream)
    logging.getLogger("httpcore.http11").debug("headers")
    logging.getLogger("alembic").warning("late")
    (line,) = lines(stream)
    assert (line["event"], line["level"]) == ("late", "warning")


def test_what_is_bound_to_the_context_stands_in_every_line(stream: io.StringIO) -> None:
    log.configure(logging.INFO, "json", stream)
    with structlog.contextvars.bound_contextvars(route="riverside", token="S3CRET"):
        our_logger().info("pull.page")
    assert lines(stream)[0]["route"] == "riverside"
    assert lines(stream)[0]["token"] == "[hidden]"
