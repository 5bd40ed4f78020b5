"""The published keys. Whoever reads this file has them: they protect nothing, and who uses one says so.

Sources: ours; the SM4 standard's example (the same bytes); X9.24-1:2009 Annex A.4 (base key); the examples of FIPS
197 and of SP 800-38A; X9.24-3:2017, supplement (base keys).
"""

from __future__ import annotations

import hmac

TEST_TMK = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")  # As 3DES it has the check value 08D7B4FB.

# SP 800-67's example: where working keys have three parts, a TMK of two is too weak for them.
TEST_TMK_TRIPLE = bytes.fromhex("0123456789ABCDEF23456789ABCDEF01456789ABCDEF0123")

BY_NAME = {
    "tmk": TEST_TMK,
    "tmk3": TEST_TMK_TRIPLE,
    "des": TEST_TMK[:8],
    "bdk": bytes.fromhex("FEDCBA9876543210F1F1F1F1F1F1F1F1"),
    "aes128": bytes.fromhex("000102030405060708090A0B0C0D0E0F"),
    "aes256": bytes.fromhex("000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F"),
    "fips197": bytes.fromhex("00112233445566778899AABBCCDDEEFF"),
    "sp800-38a": bytes.fromhex("2B7E151628AED2A6ABF7158809CF4F3C"),
}
PUBLISHED = tuple(BY_NAME.values())

# Of wallets' contracts: the simulator's gateways have them (sim/gateways/keys). SHA-256 of each public key.
CONTRACT_FINGERPRINTS = frozenset(
    {
        "E941E8DA7EA2DE423DC63E94562D9C784C418E35D6D28ED2E67AF171AF4CB49D",
        "01A6107D531699518CD05CA397DA0B6FDF58020D7CE794088CFB0FE1F0839482",
        "C22FD6553693D4F87E2E264454F038B4AF5943CA03331F48B5D7526BA0230A67",
        "27C38726797F33126018420F629B84A07BCEFBA3B52ED56779F70AA7491B3BBC",
    }
)
TEST_API_V3_KEY = b"zhanggui-published-api-v3-key-00"


def is_published(key: bytearray) -> bool:
    """Whether anybody can have this key."""
    return any(hmac.compare_digest(key, known) for known in PUBLISHED)
