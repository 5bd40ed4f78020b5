"""Commands beside the terminal itself: `python -m terminal decode` and its kin."""
