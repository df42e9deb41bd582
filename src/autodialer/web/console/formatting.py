"""How pages show times, numbers and people."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from autodialer.domain.phone import mask_number
from autodialer.domain.record import RecordKey, mask_name
from autodialer.domain.sentence import Sentence
from autodialer.masking import Masker
from autodialer.web.answers import iso
from autodialer.web.console.languages import N_, texts_of

NOTHING = "\N{EN DASH}"
_masker = Masker()


def time_in(zone: ZoneInfo) -> Any:
    """The filter `at`: an instant as minutes in the policy's zone, with the exact one in UTC for machines and on hovering."""

    def at(moment: datetime | None, form: str = "%Y-%m-%d %H:%M") -> str:
        if moment is None:
            return NOTHING
        exact, local = iso(moment), moment.astimezone(zone)
        shown = local.strftime(form)
        utc = moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        return Markup('<time datetime="{}" title="{}">{}</time>').format(exact, utc, shown)

    return at


def seconds(value: float | None) -> str:
    """The filter `duration`: 75 as 1:15, 3700 as 1:01:40."""
    if value is None:
        return NOTHING
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def thousands(value: float | None) -> str:
    """The filter `count`: with thin spaces between thousands."""
    return NOTHING if value is None else f"{value:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}")


@pass_context
def phone(context: Context, number: str | None) -> str:
    """The filter `phone`: whole for operators, masked for viewers."""
    if not number:
        return NOTHING
    return number if context["visitor"].is_operator else mask_number(number)


_KNOWN = frozenset(
    (
        N_("answered"),
        N_("no_answer"),
        N_("busy"),
        N_("failed"),
        N_("unknown"),
        N_("Lead"),
        N_("Contact"),
        N_("Status"),
        N_("Call Attempts"),
        N_("Phone"),
    )
)


@pass_context
def name(context: Context, text: str | None) -> str:
    """The filter `name`: whole for operators, initials for viewers."""
    if not text:
        return NOTHING
    return text if context["visitor"].is_operator else mask_name(text)


@pass_context
def known(context: Context, word: str | None) -> str:
    """The filter `known`: a word of ours, such as how a call ended, in the visitor's language."""
    text = str(word) if word else NOTHING
    return texts_of(context["language"]).gettext(text).replace("_", " ") if text in _KNOWN else text


@pass_context
def said(context: Context, sentence: Sentence) -> str:
    """The filter `said`: a sentence of the service in the visitor's language, its times in the policy's zone.

    What Zoho or a person wrote into it is shown as `words` shows it.
    """
    texts, zone = texts_of(context["language"]), ZoneInfo(context["zone"])

    def show(value: object) -> str:
        if isinstance(value, Sentence):
            return value.said(texts.gettext, show)
        if isinstance(value, datetime):
            return f"{value.astimezone(zone):%Y-%m-%d %H:%M}"
        if isinstance(value, RecordKey):
            return f"{texts.gettext(value.record_type.value)} {value.zoho_id}"
        if isinstance(value, int) and not context["visitor"].is_operator:
            return str(_masker.value("said", value))  # a count stays readable; a number in a field of counts does not
        return NOTHING if value is None else words(context, known(context, str(value)))

    return sentence.said(texts.gettext, show)


@pass_context
def words(context: Context, text: str | None) -> str:
    """The filter `words`: what Zoho, 8x8 or a person wrote, on one line; for viewers without numbers."""
    if not text:
        return ""
    return " ".join(text.split()) if context["visitor"].is_operator else _masker.text(text)
