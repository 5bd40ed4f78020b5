"""The ISO 8583 link to the acquirer: codec, messages, profiles, session."""
