"""Benchmarks: what an order costs, and how many of them two cores take."""
