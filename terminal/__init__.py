"""The payment terminal: what the merchant holds."""

VERSION = "0.1.0"  # setup.cfg reads it here; the first picture cannot wait for the installed package to be looked up.
