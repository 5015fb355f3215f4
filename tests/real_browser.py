"""What the tests of the desk in a real browser need on this machine."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

AXE = Path(__file__).parent.parent / ".venv/browser/node_modules/axe-core/axe.min.js"
"""`make browser` puts it there; nobody else's script is in the repository."""
NEEDED = {"chromium": shutil.which("chromium"), "chromedriver": shutil.which("chromedriver"), "axe-core": AXE.exists()}
MISSING = [name for name, found in NEEDED.items() if not found]
IS_LEFT_OUT = bool(MISSING) and os.environ.get("BROWSER") != "required"
"""Whoever asks for these tests by `make browser` has them fail where something is missing."""
