"""What the machine brings along for every connection: certificates that are trusted, proxies, names of hosts.

What cannot work there is told with the variable that says it; the values may hold a password and are not repeated.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Callable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar
from urllib.request import getproxies

import httpx

from procore_4hse.errors import ConfigurationError, Problem

T = TypeVar("T")

CA_FILE, CA_FOLDER = "SSL_CERT_FILE", "SSL_CERT_DIR"
SCHEMES = ("http", "https", "socks5", "socks5h")
AGAIN = "the next cycle tries again."
UNTRUSTED = f"have the certificate mended, or name the CA file of your network in {CA_FILE}; {AGAIN}"
NO_HOST = f"check the addresses in the configuration, and the DNS and the proxy of this machine; {AGAIN}"
NO_PROXY = f"check HTTPS_PROXY and NO_PROXY, and that the proxy lets this machine out; {AGAIN}"


@cache
def certificates(trust_env: bool) -> ssl.SSLContext:
    """Whom TLS trusts. Reading them takes longer than anything else here, so that all clients share them."""
    named = [name for name in (CA_FILE, CA_FOLDER) if trust_env and os.environ.get(name)]
    # A folder that does not exist raises nothing, and would trust nobody.
    if named == [CA_FOLDER] and not Path(os.environ[CA_FOLDER]).is_dir():
        raise _no_certificates(CA_FOLDER, "is no folder that can be read")
    try:
        return httpx.create_ssl_context(trust_env=trust_env)
    except OSError as error:
        if not named:
            raise
        why = "holds no certificate" if isinstance(error, ssl.SSLError) else error.strerror
        raise _no_certificates(named[0], f"cannot be read: {why}") from error


def _no_certificates(variable: str, what: str) -> ConfigurationError:
    remedy = "Name readable CA certificates in PEM form, or remove the variable to trust the usual ones"
    return ConfigurationError((Problem(variable, what, remedy),))


def with_proxies(connect: Callable[[], T]) -> T:
    """What `connect` makes with the proxies of the environment. Raises ConfigurationError when they make no sense."""
    try:
        return connect()
    except (ValueError, ImportError, httpx.InvalidURL) as error:
        problems = tuple(_proxy_problems())
        if not problems:
            raise
        raise ConfigurationError(problems) from error


def _proxy_problems() -> Iterator[Problem]:
    """The variables that can be at fault, the certain ones alone if there are any."""
    proxies = getproxies()
    faults = {scheme: _fault(proxies[scheme]) for scheme in ("http", "https", "all") if proxies.get(scheme)}
    if any(faults.values()):
        for scheme, fault in faults.items():
            if fault:
                yield Problem(f"{scheme.upper()}_PROXY", *fault)
    elif proxies.get("no"):
        what = "an entry of it is no host, domain or address that can be understood"
        yield Problem("NO_PROXY", what, "Leave out IPv6 networks such as fd00::/8, brackets and ports")


def _fault(address: str) -> tuple[str, str] | None:
    """What is wrong with the address of a proxy, and the remedy."""
    try:
        scheme = httpx.URL(address if "://" in address else f"http://{address}").scheme
    except httpx.InvalidURL:
        return "the address of the proxy cannot be understood", "Write it as http://host:port"
    if scheme not in SCHEMES:
        return "a proxy of this kind is not supported", "Name one whose address begins with http:// or https://"
    if scheme.startswith("socks") and find_spec("socksio") is None:
        return "SOCKS needs a library that is not installed", "Install httpx[socks], or name an HTTP proxy"
    return None


def cause_of(error: httpx.HTTPError) -> tuple[str, str | None]:
    """Why no answer came, and what may help; None when waiting may."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted: {cause.verify_message.rstrip('.')}", UNTRUSTED
        if isinstance(cause, socket.gaierror):
            return "the name of its host, or of the proxy, is not known", NO_HOST
    if isinstance(error, httpx.ProxyError):
        return "the proxy did not let it through", NO_PROXY
    return f"connection failed, {type(error).__name__}", None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    # An error that is raised again while another one is handled may be its own cause, several steps away.
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
