"""The pages keep their word."""
