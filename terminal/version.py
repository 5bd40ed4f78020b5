"""The product's version. setup.cfg reads it here: to ask the installed package takes longer than the first picture."""

VERSION = "0.1.0"
