"""Tests of the noun catalog."""
