"""How fast and how small: each figure beside a named peer or an aim. `python -m bench`; nothing imports it."""
