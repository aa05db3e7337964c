"""Tests of the noun returns."""
