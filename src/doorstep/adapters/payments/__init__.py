"""Payments: who holds, takes and gives back money."""
