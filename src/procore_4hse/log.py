"""Logging: one event per fact, on one stream, with nothing in it that is a secret or about a person.

Our own lines keep their keys; a value is hidden by the name of its key, by what its text looks like, or
because it is no plain value. An error is its class and, if it is one of ours, its sentence: the words of
any other error may hold what a record says.
"""

import logging
import re
import sys
import traceback
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from enum import Enum
from pathlib import PurePath
from typing import Any, Literal, TextIO
from uuid import UUID

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from procore_4hse.errors import SyncError

Format = Literal["console", "json"]
HIDDEN = "[hidden]"

_HIDDEN_KEYS = frozenset(
    (
        *("title", "description", "payload", "body", "words", "fields", "image"),
        *("value", "procore_value", "fourhse_value", "base_value"),
        *("name", "first_name", "last_name", "full_name", "username", "user", "email", "phone", "address", "code"),
    )
)
_HIDDEN_PARTS = frozenset(("token", "secret", "password", "authorization", "cookie"))
_HIDDEN_TEXT = (
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}"), rf"\1 {HIDDEN}"),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?"), HIDDEN),
    (re.compile(r"(?<=://)[^/\s@]+@"), f"{HIDDEN}@"),
    (re.compile(r"(?i)((?:token|secret|password)[\"']?\s*[=:]\s*[\"']?)[^\s\"'&,}]+"), rf"\1{HIDDEN}"),
)
_PLAIN = (int, float, date, datetime, timedelta, UUID, PurePath, type(None))


def configure(level: int, format: Format | None, stream: TextIO, *, colour: bool | None = None) -> None:
    """From here on every log line of `level` and above goes to `stream`.

    No `format` means console on a terminal and JSON elsewhere; no `colour`, colours on a terminal only.
    Lines of libraries appear from warnings upwards, whatever the level.
    """
    is_terminal = stream.isatty()
    renderer: Processor = structlog.processors.JSONRenderer(ensure_ascii=False)
    if (format or ("console" if is_terminal else "json")) == "console":
        renderer = structlog.dev.ConsoleRenderer(colors=is_terminal if colour is None else colour)
    shared = _preparation(with_frames=level <= logging.DEBUG)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    _send_to(stream, renderer, shared)
    logging.getLogger("procore_4hse").setLevel(level)


def _preparation(*, with_frames: bool) -> list[Processor]:
    return [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _with_frames if with_frames else _without_frames,
        hide,
    ]


def _send_to(stream: TextIO, renderer: Processor, shared: list[Processor]) -> None:
    """Our lines and those of libraries leave by the same handler, the only one."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]  # Whatever a library or an earlier call put there would print lines unhidden.
    root.setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)


def hide(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """The event with every secret and everything about a person replaced by "[hidden]"."""
    return {key: value if key.startswith("_") else _loggable(key, value) for key, value in event.items()}


def _loggable(key: str, value: Any) -> Any:
    return HIDDEN if _is_hidden(key) else _plain(value)


def _is_hidden(key: str) -> bool:
    # `accessToken` and `access-token` are the same key as `access_token`.
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", key).lower().replace("-", "_")
    return words in _HIDDEN_KEYS or not _HIDDEN_PARTS.isdisjoint(words.split("_"))


def _plain(value: Any) -> Any:
    """A value that may stand in a log line; of anything but plain values, the class alone."""
    if isinstance(value, Enum):
        return _plain(value.value)
    if isinstance(value, str):
        return _without_secrets(value)
    if isinstance(value, _PLAIN):
        return value if isinstance(value, int | float | None) else str(value)  # JSON has no form for the others.
    if isinstance(value, BaseException):
        return describe(value)
    if isinstance(value, Mapping):
        return {str(key): _loggable(str(key), each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each) for each in value]
    return f"<{type(value).__name__}>"


def _without_secrets(text: str) -> str:
    for pattern, put in _HIDDEN_TEXT:
        text = pattern.sub(put, text)
    return text


def describe(error: BaseException) -> str:
    """The class, and the sentence of an error of ours; of another one, where it came from."""
    if isinstance(error, SyncError):
        return _without_secrets(f"{type(error).__name__}: {error}")
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {PurePath(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{where}"


def _without_frames(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    error = _error_of(event.pop("exc_info", None))
    if error is not None:
        event["error"] = describe(error)
    return event


def _with_frames(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """As without, and the calls that led there, never the message of an error."""
    error = _error_of(event.get("exc_info"))
    event = _without_frames(logger, method, event)
    if error is not None:
        event["frames"] = [
            f"{PurePath(frame.filename).name}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(error.__traceback__)
        ]
    return event


def _error_of(exc_info: Any) -> BaseException | None:
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple):
        return _error_of(exc_info[1])
    return sys.exception() if exc_info else None
