"""Doorstep: order management from the click to the doorstep, and back."""

from __future__ import annotations

__version__ = "0.1.0"
