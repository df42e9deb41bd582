"""Adapter for 8x8 Contact Center: implements ports.Telephony."""
