"""The contact kernel held to its requirements: cases as data, a scripted card, a runner, reports and mutants.

Nothing here shares code with the kernel or with the simulator's card: its TLV, its lists and its table of bits are its
own, so that the kernel and its test cannot be wrong together. docs/conformance.md tells how to write a case.
"""
