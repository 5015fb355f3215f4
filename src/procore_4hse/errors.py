"""Every error that a caller can do something about.

SyncError                     the root; `exit_code` is what a command ends with
├── UsageError           2    a command was asked for something it cannot do
├── ConfigurationError   2    settings that cannot work; `problems` names all of them
├── MappingError         2    a mapping that cannot work; `problems` names all of them
├── StoreError           4    the staging store cannot be used until somebody does something about it
├── StoreBusy            1    the staging store had no time for us; the next cycle goes on
├── RouteBusy            1    a cycle of this route runs; what was asked for can be done when it is over
├── LeaseLost            1    another process took the route over; nothing more may be written
├── AskedToStop          1    the process was told to end; what is under way is left for the next cycle
├── GuardStopped         7    a person is needed before this route may go on
└── VendorError          1    a call to Procore or 4HSE did not succeed
    ├── AccessRefused    3    401 or 403: credentials or permissions
    ├── NotFound         1    404: gone, or not visible to us
    ├── Refused          1    the vendor read the request and said no; `words` are its own
    ├── Unavailable      1    down, slow, unreadable: a read that can be tried again
    ├── OutcomeUnknown   1    a write whose fate is unknown; it must be settled by looking
    └── BudgetExhausted  1    the vendor's call budget is used up until `resets_at`

`str(error)` is one sentence that ends in the next step. It never holds a secret, a name of a person or
anything a record says: a vendor's own words live in `Refused.words` and reach the inbox only.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from procore_4hse.models import Side


class SyncError(Exception):
    """Something a person or a caller can act on; the message ends in what to do next."""

    exit_code: ClassVar[int] = 1


class UsageError(SyncError):
    exit_code = 2


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong in a file or a setting: `place` says where, `remedy` what to do."""

    place: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.place}: {self.what}. {self.remedy}"


class ConfigurationError(SyncError):
    exit_code = 2
    subject: ClassVar[str] = "The configuration"

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        count = "one problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__(f"{self.subject} has {count}; mend what is listed and run the command again.")


class MappingError(ConfigurationError):
    subject = "The mapping"


class StoreError(SyncError):
    exit_code = 4


class StoreBusy(SyncError):
    """Nothing is wrong with the store: others kept it locked, or the connection to it broke. It goes on by itself."""


class RouteBusy(SyncError):
    pass


class LeaseLost(SyncError):
    pass


class AskedToStop(SyncError):
    """Raised between two calls or out of a wait, never inside a call: nothing is under way at the vendor."""


class GuardStopped(SyncError):
    exit_code = 7


class VendorError(SyncError):
    """A call failed. `status` is the HTTP status, None when no answer came; `call` names it as METHOD path."""

    def __init__(self, sentence: str, *, side: Side, call: str = "", status: int | None = None) -> None:
        super().__init__(sentence)
        self.side = side
        self.call = call
        self.status = status


class AccessRefused(VendorError):
    exit_code = 3


class NotFound(VendorError):
    pass


class Refused(VendorError):
    """400, 406, 409, 422 ...: nothing was written. `words` are the vendor's own sentences, `fields` those it names."""

    def __init__(
        self,
        sentence: str,
        *,
        side: Side,
        call: str = "",
        status: int | None = None,
        words: str = "",
        fields: tuple[str, ...] = (),
    ) -> None:
        super().__init__(sentence, side=side, call=call, status=status)
        self.words = words
        self.fields = fields


class Unavailable(VendorError):
    pass


class OutcomeUnknown(VendorError):
    pass


class BudgetExhausted(VendorError):
    def __init__(self, sentence: str, *, side: Side, resets_at: datetime) -> None:
        super().__init__(sentence, side=side, status=429)
        self.resets_at = resets_at
