"""The commands of `python -m keys`, one file a family; each is imported only when it is asked for."""
