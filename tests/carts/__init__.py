"""Carts that hold units: what one shopper has, and what the others may take."""
