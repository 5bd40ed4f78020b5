"""The payment terminal: what the merchant holds."""
