"""The published test key. Whoever reads this file has it: it protects nothing, and its user says so."""

TEST_TMK = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")  # 16-byte 3DES, check value 08D7B4FB.
