"""A world that breaks everything, repeatably, and the checkers that watch a terminal lose nothing in it.

One seed draws the whole world; each draw is keyed by (seed, transaction, site), so that leaving out a transaction or a
fault moves no other draw. What may go wrong is data (`faults.toml`). What must hold whatever goes wrong are named
checkers (`checkers.py`, `endings.py`), which watch all the time and look at every book at the end.
"""
