"""A virtual EMV contact card: real state machine, real 3DES cryptograms, test numbers only."""

from sim.card.card import VirtualCard
from sim.card.profiles import PROFILES, CardApplication, CardProfile

__all__ = ["PROFILES", "CardApplication", "CardProfile", "VirtualCard"]
