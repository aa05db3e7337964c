"""One conformance suite for each kind of adapter: all that are registered pass it, against twins on real sockets."""
