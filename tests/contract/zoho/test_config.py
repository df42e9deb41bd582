from collections.abc import Callable

import pytest

from autodialer.domain.errors import SettingsError
from autodialer.zoho.client import ZohoCrm
from autodialer.zoho.config import ZohoConfig
from autodialer.zoho.datacentres import is_safe_url, record_page
from autodialer.zoho.oauth import accounts_url_for, lifetime_seconds
from contract.zoho.world import World

OpenWorld = Callable[..., World]


@pytest.mark.parametrize(
    ("api", "accounts"),
    [
        ("https://www.zohoapis.com", "https://accounts.zoho.com"),
        ("https://www.zohoapis.com/", "https://accounts.zoho.com"),
        ("https://www.zohoapis.eu", "https://accounts.zoho.eu"),
        ("https://www.zohoapis.in", "https://accounts.zoho.in"),
        ("https://www.zohoapis.com.au", "https://accounts.zoho.com.au"),
        ("https://www.zohoapis.jp", "https://accounts.zoho.jp"),
        ("https://www.zohoapis.com.cn", "https://accounts.zoho.com.cn"),
        ("https://www.zohoapis.ca", "https://accounts.zohocloud.ca"),
        ("https://www.zohoapis.sa", "https://accounts.zoho.sa"),
        ("https://www.zohoapis.uk", "https://accounts.zoho.uk"),
        ("https://www.zohoapis.ae", "https://accounts.zoho.ae"),
        ("https://sandbox.zohoapis.eu", "https://accounts.zoho.eu"),
        ("https://developer.zohoapis.ca", "https://accounts.zohocloud.ca"),
        ("https://www.zohoapis.xyz", None),
        ("https://zohoapis.com", None),
        ("https://www.zohoapis.com.evil.example", None),
        ("https://evil.zohoapis.com", None),
        ("http://[", None),
        ("", None),
    ],
)
def test_the_accounts_server_comes_from_a_closed_table(api: str, accounts: str | None) -> None:
    assert accounts_url_for(api) == accounts


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://www.zohoapis.com", True),
        ("http://127.0.0.1:8080", True),
        ("http://localhost:1", True),
        ("http://[::1]:1", True),
        ("http://www.zohoapis.com", False),
        ("https://user:secret@www.zohoapis.com", False),
        ("https://www.zohoapis.com/crm", False),
        ("ftp://www.zohoapis.com", False),
        ("nonsense", False),
    ],
)
def test_credentials_go_over_https_or_to_this_machine_only(url: str, *, safe: bool) -> None:
    assert is_safe_url(url) is safe


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"api_domain": "https://crm.example", "accounts_url": None}, "ZOHO_ACCOUNTS_URL"),
        ({"api_domain": "http://www.zohoapis.com"}, "ZOHO_API_DOMAIN"),
        ({"accounts_url": "http://accounts.zoho.com"}, "ZOHO_ACCOUNTS_URL"),
        ({"trigger": ("workflow", "everything")}, "everything"),
    ],
)
async def test_hosts_and_triggers_that_can_not_be_used_are_refused_at_construction(
    open_world: OpenWorld, changes: dict[str, object], named: str
) -> None:
    world = open_world()
    with pytest.raises(SettingsError, match=named):
        ZohoCrm(world.config(**changes), world.tokens, world.quick_clock)


def test_secrets_do_not_show_when_the_configuration_is_printed() -> None:
    config = ZohoConfig(client_id="id", client_secret="hidden-one", refresh_token="hidden-two")
    assert "hidden" not in repr(config)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ({"expires_in": 3600}, 3600),
        ({"expires_in": 3600000}, 3600),
        ({"expires_in": 3600000, "expires_in_sec": 3600}, 3600),
        ({"expires_in": 60000, "expires_in_sec": 60}, 60),
        ({}, 3600),
        ({"expires_in": "soon"}, 3600),
        ({"expires_in": -1}, 3600),
        ({"expires_in": True}, 3600),
        ({"expires_in": 10**15}, 86400),
    ],
)
def test_a_lifetime_is_read_in_seconds_whether_zoho_sent_seconds_or_milliseconds(
    said: dict[str, object], seconds: int
) -> None:
    assert lifetime_seconds(said) == seconds


@pytest.mark.parametrize(
    ("api_domain", "page"),
    [
        ("https://www.zohoapis.com", "https://crm.zoho.com/crm/tab/Leads/17"),
        ("https://www.zohoapis.eu", "https://crm.zoho.eu/crm/tab/Leads/17"),
        ("https://www.zohoapis.ca", "https://crm.zohocloud.ca/crm/tab/Leads/17"),
        ("https://www.zohoapis.com.cn", "https://crm.zoho.com.cn/crm/tab/Leads/17"),
        ("https://sandbox.zohoapis.com", None),
        ("http://127.0.0.1:9", None),
        ("https://www.zohoapis.example", None),
    ],
)
def test_a_record_is_seen_where_its_organisation_is(api_domain: str, page: str | None) -> None:
    assert record_page(api_domain, "Leads", "17") == page
