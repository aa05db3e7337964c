"""Money: taken once, given back once."""
