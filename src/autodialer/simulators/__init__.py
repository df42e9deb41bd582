"""Simulated Zoho CRM and 8x8: HTTP servers that behave as documented, with faults on request."""
