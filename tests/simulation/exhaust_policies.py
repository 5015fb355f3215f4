"""Which deletion policies lead to the same: a history that never asks for one is played once for all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from procore_4hse.reconcile import lifecycle
from procore_4hse.reconcile.snapshot import Policy, Snapshot

POLICIES = ("ask", "propagate", "close", "ignore")


@dataclass
class Policies:
    """The policy in force, and those that would have led to the same so far, it among them."""

    now: str = POLICIES[0]
    alike: frozenset[str] = field(default_factory=lambda: frozenset(POLICIES))

    def take(self, among: frozenset[str]) -> None:
        """One of these is in force from here on, and the others have led here too."""
        self.now, self.alike = min(among, key=POLICIES.index), among

    def look(self) -> str:
        """The policy, for something that goes by it in its own way: no other one leads to the same any more."""
        self.alike = frozenset({self.now})
        return self.now

    @contextmanager
    def compared(self) -> Iterator[None]:
        """Inside, wherever the product goes by the policy, it is asked under the others too, and nothing follows."""
        decide = lifecycle._by_policy
        lifecycle._by_policy = self._among_all(decide)
        try:
            yield
        finally:
            lifecycle._by_policy = decide

    def _among_all(self, decide: Callable[..., Any]) -> Callable[..., Any]:
        def decided(snapshot: Snapshot, *case: Any) -> Any:
            outcome = decide(snapshot, *case)
            others = [one for one in self.alike if one != self.now]
            same = (one for one in others if decide(replace(snapshot, deletions=Policy(one)), *case) == outcome)
            self.alike = frozenset({self.now, *same})
            return outcome

        return decided


class GoesByPolicy:
    """A witness that tells when it looks at the policy."""

    policies: Policies

    @property
    def policy(self) -> str:
        return self.policies.look()

    @policy.setter
    def policy(self, policy: str) -> None:
        """The world says which one it is."""
