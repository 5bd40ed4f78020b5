"""Every secret of the terminal; others hold handles.

`KeyStore` keeps the keys, does what may be done with each and nothing else; a `KeyRef` names one. Clear key
bytes live in bytearrays that are wiped after use, and only inside this room.
"""

from keys.components import Ceremony, CeremonyRefused, Plan, Reason
from keys.components import State as CeremonyState
from keys.contracts import ContractKeys, ContractRef
from keys.dukpt_handle import DukptTransaction, DukptUse
from keys.errors import KcvMismatch, KeyRefused
from keys.loading import KeyLayout, KeyScheme
from keys.mac_methods import MacMethod
from keys.pin import Pin
from keys.refs import KeyRef, Usage
from keys.store import KeyStore

__all__ = [
    "Ceremony",
    "CeremonyRefused",
    "CeremonyState",
    "ContractKeys",
    "ContractRef",
    "DukptTransaction",
    "DukptUse",
    "KcvMismatch",
    "KeyLayout",
    "KeyRef",
    "KeyRefused",
    "KeyScheme",
    "KeyStore",
    "MacMethod",
    "Pin",
    "Plan",
    "Reason",
    "Usage",
]
