"""The command as a process of its own that need not load the program: it is the copy of a process that has."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from multiprocessing import Pipe, get_context
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from subprocess import TimeoutExpired
from threading import Thread
from typing import IO

COMMANDS = ("backfill", "db", "desk", "plan", "run", "sync")
"""What is loaded beforehand; other commands load themselves, as always."""
SERVER: ForkServerContext = get_context("forkserver")
SERVER.set_forkserver_preload(["procore_4hse.store.repository", *(f"procore_4hse.cli.{name}" for name in COMMANDS)])


class Process:
    """What `subprocess.Popen` offers of it: streams of text, signals, the end."""

    def __init__(self, words: Sequence[str], environ: Mapping[str, str], before: str = "", stdin: int = -1) -> None:
        outputs = [Pipe(duplex=False) for _ in range(2)]
        given = _as_connection(stdin)
        writers = tuple(writer for _, writer in outputs)
        self._process = SERVER.Process(target=_main, args=(list(words), dict(environ), before, given, *writers))
        self._process.start()
        for mine in (given, *writers):
            mine.close()
        encoding = _encoding(environ)[0]
        self.stdout, self.stderr = (_text(reader, encoding) for reader, _ in outputs)

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(self._process.pid or 0, number)

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()

    def communicate(self, timeout: float) -> tuple[str, str]:
        """All that it still says, once it is over."""
        said: dict[IO[str], str] = {}
        readers = [
            Thread(target=lambda stream=stream: said.update({stream: stream.read()}), daemon=True)
            for stream in (self.stdout, self.stderr)
        ]
        for reader in readers:
            reader.start()
        self._process.join(timeout)
        if self.returncode is None:
            raise TimeoutExpired("procore-4hse", timeout)
        for reader in readers:
            reader.join(timeout)
        return said[self.stdout], said[self.stderr]

    def close(self) -> None:
        self.kill()
        self._process.join()
        self.stdout.close()
        self.stderr.close()


def _as_connection(stdin: int) -> Connection:
    """A stream in a form that can be handed on to another process."""
    return Connection(os.open(os.devnull, os.O_RDWR) if stdin < 0 else os.dup(stdin))


def _text(reader: Connection, encoding: str) -> IO[str]:
    with reader:
        return os.fdopen(os.dup(reader.fileno()), encoding=encoding)


def _encoding(environ: Mapping[str, str]) -> tuple[str, str]:
    """In which form characters come and go, and what becomes of others; an interpreter that begins looks there too."""
    encoding, _, errors = environ.get("PYTHONIOENCODING", "utf-8").partition(":")
    return encoding, errors or "strict"


def _main(
    words: Sequence[str], environ: Mapping[str, str], before: str, stdin: Connection, out: Connection, err: Connection
) -> None:
    """In the copy: the streams, the environment and the words of the command, then the program."""
    gc.freeze()  # What was loaded beforehand stays; to look through it would copy it.
    for number, stream in enumerate((stdin, out, err)):
        os.dup2(stream.fileno(), number)
        stream.close()
    encoding, errors = _encoding(environ)
    sys.stdin = os.fdopen(0, encoding=encoding, errors=errors, closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding=encoding, errors=errors, closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding=encoding, errors="backslashreplace", closefd=False, buffering=1)
    os.environ.clear()
    os.environ.update(environ)
    sys.argv = ["procore-4hse", *words]
    exec(before)  # noqa: S102
    from procore_4hse.cli import main

    main()
