"""Which accounts server belongs to which API server: a closed table, because the names can't be derived.

Source: Zoho's page "Multi-DC support" and its official SDK.
"""

from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

_ACCOUNTS_BY_DOMAIN: Final = {
    "zohoapis.com": "https://accounts.zoho.com",
    "zohoapis.eu": "https://accounts.zoho.eu",
    "zohoapis.in": "https://accounts.zoho.in",
    "zohoapis.com.au": "https://accounts.zoho.com.au",
    "zohoapis.jp": "https://accounts.zoho.jp",
    "zohoapis.com.cn": "https://accounts.zoho.com.cn",
    "zohoapis.ca": "https://accounts.zohocloud.ca",
    "zohoapis.sa": "https://accounts.zoho.sa",
    "zohoapis.uk": "https://accounts.zoho.uk",
    "zohoapis.ae": "https://accounts.zoho.ae",
}
_ENVIRONMENTS: Final = ("www", "sandbox", "developer")


def accounts_url_for(api_domain: str) -> str | None:
    """The accounts server for an API address such as https://www.zohoapis.eu; None for a host nobody documented."""
    environment, _, domain = (_host(api_domain) or "").partition(".")
    return _ACCOUNTS_BY_DOMAIN.get(domain) if environment in _ENVIRONMENTS else None


def console_url_for(accounts_url: str) -> str | None:
    """The API console, where clients and grant codes are made; it stands beside each of Zoho's accounts servers."""
    url = accounts_url.rstrip("/")
    return url.replace("//accounts.", "//api-console.", 1) if url in _ACCOUNTS_BY_DOMAIN.values() else None


def record_page(api_domain: str, module: str, zoho_id: str) -> str | None:
    """Where people see this record, in the organisation that they are in; None for a sandbox, or a host nobody documented."""
    environment = (_host(api_domain) or "").partition(".")[0]
    accounts = accounts_url_for(api_domain) if environment == _ENVIRONMENTS[0] else None
    return f"{accounts.replace('//accounts.', '//crm.', 1)}/crm/tab/{module}/{zoho_id}" if accounts else None


def is_safe_url(url: str) -> bool:
    """Whether credentials may be sent there: https, or http to this machine; no user, path, query or fragment."""
    parts = urlsplit(url)
    host = _host(url)
    if host is None or parts.username or parts.path.strip("/") or parts.query or parts.fragment:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
