"""The panel: a handheld in a browser, and around it the world that it trades with.

One page on loopback. The terminal itself is another process (`python -m sim handheld`), the real one over
wire twins; the panel shows what its twins saw on their wires and types on its keys. Nothing here can be
imported by the terminal.
"""
