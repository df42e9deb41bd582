"""Adapter for Zoho CRM v8: implements ports.Crm."""
