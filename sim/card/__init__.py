"""A virtual EMV contact card: real state machine, real cryptography, test numbers only."""

from sim.card.card import VirtualCard
from sim.card.model import CardApplication, CardProfile
from sim.card.profiles import PROFILES

__all__ = ["PROFILES", "CardApplication", "CardProfile", "VirtualCard"]
