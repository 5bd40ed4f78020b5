"""An acquirer's certification: a script of cases, played against a terminal, each frame and each ending judged.

    script/*.toml → script (cases) → a terminal in virtual time, in a process, or in a person's hand
                                   → host (what crossed the line) → judge (checks) → report (JSON, HTML, signature)

Nothing here knows how the terminal builds a message: a case says what must stand on the wire, and the host's own keys
say whether a MAC or a PIN block is good. See docs/certification.md.
"""
