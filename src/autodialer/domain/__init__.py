"""The words of the field: frozen data, no I/O, no clock, no framework."""
