"""Published keys, by name. Whoever reads this file has them: they protect nothing, and their user says so."""

import hmac

TEST_TMK = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")  # 16-byte 3DES, check value 08D7B4FB.

PUBLISHED = {
    "tmk": TEST_TMK,
    "des": TEST_TMK[:8],
    "bdk": bytes.fromhex("FEDCBA9876543210F1F1F1F1F1F1F1F1"),  # Of X9.24-3's examples.
    "aes128": bytes.fromhex("000102030405060708090A0B0C0D0E0F"),  # FIPS 197, appendix C; the next two as well.
    "aes192": bytes.fromhex("000102030405060708090A0B0C0D0E0F1011121314151617"),
    "aes256": bytes.fromhex("000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F"),
    "fips197": bytes.fromhex("00112233445566778899AABBCCDDEEFF"),
    "sp800-38a": bytes.fromhex("2B7E151628AED2A6ABF7158809CF4F3C"),
}


def is_published(key: bytearray) -> bool:
    """Whether anybody can have this key."""
    return any(hmac.compare_digest(key, known) for known in PUBLISHED.values())
