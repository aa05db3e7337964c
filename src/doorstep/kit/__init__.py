"""Small tools every noun uses: ids, clock, money, errors, limits, outcomes. Knows nothing of orders."""
