"""The world over HTTP: press, insert, look, break and compare, from any language and any test framework.

`routes` is the one table: the server dispatches by it, and openapi.json is written from it.
"""
