"""The part of a configuration that is the same for every test that runs the real command."""

from __future__ import annotations

from procore_4hse.demo import SYSTEMS


def both_systems(procore: str, fourhse: str, company: int, store: str) -> str:
    """The simulated systems at these addresses, with the credentials that they accept, and a store."""
    return SYSTEMS.format(procore=procore, fourhse=fourhse, company=company, store=store)
