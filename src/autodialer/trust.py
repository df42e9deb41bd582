"""Whom outgoing connections trust."""

import os
import ssl
from functools import cache

import httpx2

from autodialer.domain.errors import DialerError


@cache
def trusted(*, environment: bool = True) -> ssl.SSLContext:
    """The system's authorities; with `environment` those that SSL_CERT_FILE or SSL_CERT_DIR names, where one of them is set.

    The same for all clients of this process, as each reading takes 40 ms, in which nobody is answered, and 3 MB. DialerError where
    they can't be read.
    """
    try:
        return httpx2.create_ssl_context(trust_env=environment)
    except OSError as error:
        given = " or ".join(name for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if os.environ.get(name))
        raise DialerError(
            f"{given or 'the system'} names no certificates that can be read: {error.strerror or error}", permanent=True
        ) from error
