"""Proof of the demo's input, and of the demo itself."""
