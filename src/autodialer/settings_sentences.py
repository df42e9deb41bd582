"""What is wrong with a setting, in a sentence for whoever set it."""

from typing import Final

_HINTS: Final = {
    "APP_ENV": "it must be 'production' or 'development' (NODE_ENV means the same)",
    "DEFAULT_COUNTRY": "it must be two capital letters of ISO 3166, such as RO",
    "EIGHTX8_CALLBACK_URL": "it must be an http(s) URL, such as https://YOUR_HOST/api/callback",
    "EIGHTX8_BASE_URL": "it must be an http(s) URL without a query, such as https://voice.wavecell.com",
    "EIGHTX8_EXPORT_URL": "it must be an http(s) URL without a query",
    "ZOHO_API_DOMAIN": "it must be an http(s) URL without a query, such as https://www.zohoapis.eu",
    "ZOHO_ACCOUNTS_URL": "it must be an http(s) URL without a query, such as https://accounts.zoho.eu",
    "EIGHTX8_SUBACCOUNT_ID": "it must be 3 to 50 letters, digits or -._&",
    "EIGHTX8_CALLER_ID": "it must be digits only, such as +40211234567, or a list by country: RO:+40211234567,*:+442079460000",
    "EIGHTX8_AGENT_NUMBER": "it must be digits only, such as +40211234567, or a comma list of such numbers",
    "EIGHTX8_OPT_OUT_DIGIT": "it must be one key other than 1, such as 9",
    "EIGHTX8_CC_QUEUE_ID": "it must be the number of an outbound queue, such as 101",
    "EIGHTX8_CC_STREAM": "it must be a region of the event stream (UK3, US1, US2) or a wss:// URL without a path",
    "CRON_HOURS": 'it must be hours from 0 to 23, in UTC, such as "10 14 18"',
}
_BY_KIND: Final = {
    "bool_parsing": "it must be true or false",
    "int_parsing": "it must be a whole number",
    "float_parsing": "it must be a number",
}
_A_CALL: Final = 120  # seconds: to ring, and to talk for a little while


def hasty(result_timeout: int, catch_up: int) -> list[str]:
    """Seconds that were probably meant as minutes."""
    remarks = []
    if result_timeout < _A_CALL:
        remarks.append(
            f"RESULT_TIMEOUT={result_timeout} is in seconds, and a call lasts longer: it counts as unknown, and its line as free, "
            "while the person still talks"
        )
    if 0 < catch_up < 60:  # noqa: PLR2004 - as long as a slot is tried in any case
        remarks.append(f"CATCH_UP={catch_up} is in seconds: a run that an outage delays for a minute is skipped")
    return remarks


def sentence(loc: tuple[int | str, ...], message: str, kind: str) -> str:
    """What is wrong with one setting, which it names. The arguments are those of an error of pydantic's."""
    name = str(loc[0]).upper() if loc else "settings"
    if kind == "missing":
        return f"{name} is missing: set it in the environment or in .env (see .env.example)"
    message = _BY_KIND.get(kind) or message.removeprefix("Value error, ").replace("Input should be", "it must be", 1)
    return f"{name} is wrong: {_HINTS.get(name, message)}"
