"""What a server may keep of a text that it does not keep as it was sent."""

import html
import re
from typing import Literal

KeptText = Literal["whole", "cut", "cut at four bytes", "escaped", "emptied", "sanitised"]
"""cut: the first letters, `CUT_AT` of them; cut at four bytes: what stands before the first letter that takes four
bytes of UTF-8; escaped: `<`, `>`, `&` and quotes as HTML writes them; emptied: nothing of a text with markup or such a
letter in it; sanitised: without its tags."""

OTHERS: tuple[KeptText, ...] = ("cut", "cut at four bytes", "escaped", "emptied", "sanitised")
"""The forms in which a part is kept."""
CUT_AT = 60
TAG = re.compile(r"<[^<>]*>")
FOUR_BYTES = re.compile("[\U00010000-\U0010ffff]")


def kept_text(text: str, form: KeptText) -> str:
    """What is kept of a text."""
    match form:
        case "cut":
            return text[:CUT_AT]
        case "cut at four bytes":
            return FOUR_BYTES.split(text, maxsplit=1)[0]
        case "escaped":
            return html.escape(text)
        case "emptied":
            return "" if TAG.search(text) or FOUR_BYTES.search(text) else text
        case "sanitised":
            return TAG.sub("", text)
        case _:
            return text
