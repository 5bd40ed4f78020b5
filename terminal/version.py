"""The product's version. setup.cfg reads it here; looking the installed package up takes longer than the first picture."""

VERSION = "0.1.0"
