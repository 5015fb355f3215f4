"""`inbox walk`: one question after the other, a key for each choice."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import typer

from procore_4hse.cli.context import CliContext
from procore_4hse.cli.question_page import show_question
from procore_4hse.cli.text import counted
from procore_4hse.errors import UsageError
from procore_4hse.operations.choices import OTHER, Choice, chosen
from procore_4hse.operations.questions import Question, asked, question_of
from procore_4hse.route import Route
from procore_4hse.store.repository import Store

KEYS = "123456789abcdefghijklmnop"
"""The keys of the choices in their order: none of them is one of those below."""
SKIP, QUIT, YES = "s", "q", "y"

Answering = Callable[[Store, Question, Choice], str]
"""Keeps a choice, and says what was noted. Raises UsageError."""


@dataclass
class Walk:
    """One round through what waits. `answer` is what a key does."""

    context: CliContext
    store: Store
    answer: Answering
    answered: set[str] = field(default_factory=set)
    """The names of the routes where something was answered."""

    def through(self, routes: Sequence[Route], takes: Callable[[Question], bool]) -> None:
        """Shows each open question that was there at the start, until somebody quits."""
        with self.store.read() as unit:
            now = unit.now
            waiting = [each for each in asked(unit, routes) if takes(each) and not each.entry.is_snoozed(now)]
        for number, question in enumerate(waiting, 1):
            self.context.out.rule(f"{number} of {len(waiting)}")
            if not self._ask(question):
                break
        count = len(waiting)
        self.context.out.print(f"{counted(count, 'question')} waited." if count else "Nothing waits for a person.")

    def _ask(self, question: Question) -> bool:
        """One question until it is answered or skipped; False when somebody quits."""
        while True:
            with self.store.read() as unit:
                entry = unit.inbox(question.route.key).find(question.id)
                if entry is None or entry.state != "open":
                    return True  # Somebody else answered it meanwhile, or it closed by itself.
                question = question_of(unit, question.route, entry)
            show_question(self.context, question)
            key = self._key(question)
            if key in (SKIP, QUIT):
                return key == SKIP
            choice = question.choices[KEYS.index(key)]
            if self._is_sure(choice) and self._keep(question, choice):
                return True

    def _key(self, question: Question) -> str:
        keys = KEYS[: len(question.choices)]
        listed = f"{keys[0]}-{keys[-1]}" if len(keys) > 1 else keys
        self.context.out.print(f"Press {listed} to answer, {SKIP} to skip, {QUIT} to quit.", style="bold")
        while True:
            key = typer.getchar().lower()
            if key in ("\x03", "\x04", ""):
                return QUIT
            if key in (SKIP, QUIT) or (key and key in keys):
                return key

    def _is_sure(self, choice: Choice) -> bool:
        if choice.undoable:
            return True
        self.context.out.print(f"{choice.label}: this cannot be undone later. Press {YES} to do it.", style="bold")
        return typer.getchar().lower() == YES

    def _keep(self, question: Question, choice: Choice) -> bool:
        if choice.name == OTHER:
            named = typer.prompt("Its id").strip()
            choice = chosen([choice], OTHER, named) or choice
        try:
            noted = self.answer(self.store, question, choice)
        except UsageError as error:
            self.context.err.print(str(error), style="bold red")
            return False
        self.context.out.print(noted, style="green", soft_wrap=True)
        if choice.answer is not None:
            self.answered.add(question.route.name)
        return True


def has_terminal() -> bool:
    return sys.stdin.isatty()


def must_have_terminal() -> None:
    """Raises UsageError where nobody could press a key."""
    if not has_terminal():
        raise UsageError(
            "This asks one question after the other, and there is no terminal to ask on. List what waits with: "
            "procore-4hse inbox; answer one with: procore-4hse inbox show ID"
        )
