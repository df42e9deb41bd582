"""autodialer: calls the people in Zoho CRM through 8x8, each once, by explicit rules."""

__version__ = "0.1.0"
