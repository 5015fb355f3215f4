"""The part of a configuration that is the same for every test that runs the real command."""

from __future__ import annotations


def both_systems(procore: str, fourhse: str, company: int, store: str) -> str:
    """The simulated systems at these addresses, with the credentials that they accept, and a store."""
    return f"""
[procore]
api_url = "{procore}"
login_url = "{procore}"
company_id = {company}
client_id = "procore-client"
client_secret = "procore-secret"

[fourhse]
api_url = "{fourhse}"
token_url = "{fourhse}/realms/4hse/protocol/openid-connect/token"
client_id = "4hse-client"
username = "sync@example.com"
password = "4hse-password"

[store]
url = "{store}"
"""
