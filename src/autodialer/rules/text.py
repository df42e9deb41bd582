"""How texts of the CRM are compared."""


def normalise(text: str) -> str:
    """The same for spellings that differ only in case and spaces (rules.md row 31)."""
    return " ".join(text.split()).casefold()
