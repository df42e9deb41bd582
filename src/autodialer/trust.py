"""Whom outgoing connections trust."""

import ssl
from functools import cache

import httpx2


@cache
def trusted() -> ssl.SSLContext:
    """The system's authorities, or those that SSL_CERT_FILE or SSL_CERT_DIR names: for all clients of this process.

    Each reading takes 40 ms, in which nobody is answered, and 3 MB.
    """
    return httpx2.create_ssl_context()
