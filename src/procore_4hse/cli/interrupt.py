"""Ctrl-C and SIGTERM while a command works: what is in hand is finished, nothing new begins, and the end is near."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from select import select
from threading import Event, Thread

from procore_4hse.cli.context import CliContext
from procore_4hse.runtime import GRACE, interruptible

SIGNALS = (signal.SIGTERM, signal.SIGINT)
OVER = b"\0"
"""What ends the watch; no signal has this number."""
CUT_SHORT = 1
"""The exit code when the action in hand was not waited for: a rerun takes up what was left."""

STOPPING = "Asked to stop: what is in hand is finished first. Once more ends it at once."
LEFT = "A call did not come to its end in time and was left; the next run looks first whether it was carried out."


class Interrupt:
    """What a command asks whether it shall end. `leave` ends the process without waiting for its threads."""

    def __init__(self, context: CliContext, leave: Callable[[int], object] = os._exit) -> None:
        self.context, self.leave = context, leave
        self.stop = Event()
        self.sleep = interruptible(self.stop)

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Signals are heard meanwhile. A question to a person is asked outside of it, where Ctrl-C ends the command."""
        news, line = os.pipe()
        os.set_blocking(line, False)
        before = {number: signal.signal(number, lambda *_: None) for number in SIGNALS}
        # Whatever thread gets a signal writes its number there; a handler would wait for the main thread.
        wakeup = signal.set_wakeup_fd(line, warn_on_full_buffer=False)
        watch = Thread(target=self._watch, args=(news,), daemon=True)
        watch.start()
        try:
            yield
        finally:
            signal.set_wakeup_fd(wakeup)
            os.write(line, OVER)
            watch.join()
            for number, handler in before.items():
                signal.signal(number, handler or signal.SIG_DFL)
            os.close(news)
            os.close(line)

    def _watch(self, news: int) -> None:
        """The first signal asks to stop; a second one, or a call that lasts too long, ends the process."""
        if os.read(news, 1) == OVER:
            return
        self.stop.set()
        self.context.note(STOPPING)
        is_told, _, _ = select([news], [], [], GRACE.total_seconds())
        if is_told and os.read(news, 1) == OVER:
            return
        if not is_told:
            self.context.note(LEFT)
        if self.context.answers_in_json:
            self.context.print_json({"outcome": "partial", "exit": CUT_SHORT, "routes": []})
        sys.stdout.flush()
        self.leave(CUT_SHORT)
