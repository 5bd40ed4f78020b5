"""Wallets that are asked directly, without the acquirer between: an optional way, for a shop with its own contract.

    contracts (configuration and keys) → Direct (a terminal.rail.Rail) → WeChat · Alipay (each around its published
    library) → a drivers.ports.Https

A library signs, verifies and names things as its wallet wants them. Carrying bytes, clocks and bounds are ours: the
libraries' own transport believes any authority, has no limit of size, and takes the machine's clock for China's.
The libraries are the extra `wallets`, imported when the first wallet is made and not before.
"""
