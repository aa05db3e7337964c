"""What the design forbids, checked on every file. Each finding names what to use instead."""
