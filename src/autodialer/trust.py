"""Whom outgoing connections trust."""

import ssl
from functools import cache

import httpx2


@cache
def trusted(*, environment: bool = True) -> ssl.SSLContext:
    """The system's authorities; with `environment` those that SSL_CERT_FILE or SSL_CERT_DIR names, where one of them is set.

    The same for all clients of this process, as each reading takes 40 ms, in which nobody is answered, and 3 MB.
    """
    return httpx2.create_ssl_context(trust_env=environment)
