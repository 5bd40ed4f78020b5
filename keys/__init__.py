"""Every secret of the terminal; others hold handles.

`KeyStore` keeps the keys, does what may be done with each and nothing else; a `KeyRef` names one. Clear key
bytes live in bytearrays that are wiped after use, and only inside this room.
"""

from keys.errors import KcvMismatch, KeyRefused
from keys.loading import KeyLayout
from keys.pin import Pin
from keys.refs import KeyRef, Usage
from keys.store import KeyStore

__all__ = ["KcvMismatch", "KeyLayout", "KeyRef", "KeyRefused", "KeyStore", "Pin", "Usage"]
