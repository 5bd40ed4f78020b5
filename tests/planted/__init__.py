"""Planted defects: one mistake at a time goes into the product, and the swarm's checkers have to notice.

    defects.toml → defect (the changed module) → hunt (a swarm over it, in a process of its own) → the table

A world that never makes the input that shows a mistake is blind to it, however many transactions it makes. So a defect
that is not caught is a gap of the world or of the checkers, and they are taught. `make planted` prints the table.
"""
