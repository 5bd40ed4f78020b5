"""A terminal that dies at a chosen moment, and the people who come back and finish what they came for."""
