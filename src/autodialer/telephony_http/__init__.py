"""What adapters share that place calls over HTTP: one exchange that knows whether anything was sent, values read without trust."""
