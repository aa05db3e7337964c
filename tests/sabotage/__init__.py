"""Take the safeguards away one by one, in a copy: each must be missed by the test that names it."""
