"""In-process twins: the same ports without threads or wires, for days in virtual time."""
