"""Adapter for the 8x8 CPaaS Voice API: implements ports.Telephony."""
