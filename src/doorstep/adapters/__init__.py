"""The outside world: carriers, gateways and messages, each a pure mapping apart from the wire."""
