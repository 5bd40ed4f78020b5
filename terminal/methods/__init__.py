"""Ways to pay: one file each, and one row each in METHODS (`table`)."""
