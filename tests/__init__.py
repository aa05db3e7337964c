"""The proof: one folder a noun, and the whole journey."""
