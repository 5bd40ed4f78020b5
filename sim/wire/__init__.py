"""Fakes that stand on the wire, under the real driver and its real vendor library."""
