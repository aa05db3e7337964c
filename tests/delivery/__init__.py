"""Tests of the noun delivery."""
