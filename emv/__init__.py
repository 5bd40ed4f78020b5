"""The EMV contact kernel and its words: no I/O, no clock, no random source."""
