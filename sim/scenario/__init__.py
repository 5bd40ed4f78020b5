"""Scenarios: files that read like a story, played in virtual time, at the panel and by the API. See docs/simulator.md."""
