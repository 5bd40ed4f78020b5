"""Scenarios: files that read like a story, played in virtual time, at the panel by the API."""
