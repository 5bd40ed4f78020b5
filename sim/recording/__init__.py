"""What happened in a world or at a terminal, a JSON line each, to be attached to a bug and played again."""
