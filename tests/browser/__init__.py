"""The pages in a real browser: what every one of them keeps, pictures of them, and a journey from click to refund."""
