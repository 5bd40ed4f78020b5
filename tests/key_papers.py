"""Components on paper, and the fingers that type them: for the ceremonies of the flows' tests.

The two (or three) components make the published test key, so a terminal that takes no other takes theirs.
"""

from __future__ import annotations

from sim.story import FIRST_RUN, OPERATOR

TEST_KEY_KCV = "08D7B4"
PAPERS = ("5B0D7C94A1E638F2C4679E13D80B2FA5", "5A2E39F3284DF51D3ABB248BAE5F1DB5")
THREE = (PAPERS[0], "1F37A2C85D90E46B7301CDE2548AB96F", "45199B3B75DD117649BAE969FAD5A4DA")
OTHER_KEY = ("00112233445566778899AABBCCDDEEFF", "8F1E2D3C4B5A69788796A5B4C3D2E1F0")  # No published one.
SECOND = "4321"  # The second holder's password; the first operator's is 1234.
LOG_IN = {"01": "01 ENTER\noperator_password: 1234 ENTER", "02": f"02 ENTER\noperator_password: {SECOND} ENTER"}
LOG_IN["03"] = LOG_IN["02"].replace("02", "03")


def hex_keys(digits: str) -> str:
    """The keys for hex digits: ▲ and 1 to 6 for A to F."""
    return " ".join(f"UP {'ABCDEF'.index(digit) + 1}" if digit in "ABCDEF" else digit for digit in digits)


def given(holder: str, digits: str) -> str:
    """One component from the call for its holder to the confirmed check value."""
    return (
        f"next_holder: ENTER\nenter_number: {LOG_IN[holder]}\ntype_component: {hex_keys(digits)}\nconfirm_kcv: ENTER\n"
    )


def menu_item(item: int) -> str:
    """The keys that take an item of a menu by its number, from the first one on."""
    return " ".join(["DOWN"] * (item - 1)) + " ENTER" if item > 9 else str(item)


LOAD_KEYS, ADD_OPERATOR = 11, 12  # In the main menu.


def another_operator(number: str, role: int = 1) -> str:
    """The main menu's way to a new operator; begins and ends at the idle screen."""
    password = f"operator_password: {SECOND} ENTER\noperator_password: wait 1 {SECOND} ENTER\n"
    return f"""idle: DOWN
menu: {menu_item(ADD_OPERATOR)}
enter_number: {number} ENTER
menu: {role}
{password}problem: ENTER
"""


START = FIRST_RUN + OPERATOR + "idle:\n"
READY = FIRST_RUN + OPERATOR + another_operator("02")
CEREMONY = given("01", PAPERS[0]) + given("02", PAPERS[1]) + "confirm_kcv: ENTER\nkeys_loaded: ENTER\n"
FROM_MENU = f"idle: DOWN\nmenu: {menu_item(LOAD_KEYS)}\nmenu: 1\n"
UNLOCK = "locked: ENTER\nenter_number: ENTER\noperator_password: 1234 ENTER\nmenu: 1\n"
