"""What the adapters and their twins promise beyond the conformance suites."""
