"""A text with everything that a server may not keep, and what is left of it in each form."""

from procore_4hse.simulator.kept_text import KeptText

ODD = "<b>Jo & co</b> fell 😀 from a ladder that nobody had tied to the wall above"
ODD_KEPT: dict[KeptText, str] = {
    "cut": "<b>Jo & co</b> fell 😀 from a ladder that nobody had tied to ",
    "cut at four bytes": "<b>Jo & co</b> fell ",
    "escaped": "&lt;b&gt;Jo &amp; co&lt;/b&gt; fell 😀 from a ladder that nobody had tied to the wall above",
    "emptied": "",
    "sanitised": "Jo & co fell 😀 from a ladder that nobody had tied to the wall above",
}
