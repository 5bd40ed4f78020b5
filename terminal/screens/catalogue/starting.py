"""First run, power-on, sign-in."""

from __future__ import annotations

from typing import ClassVar

from terminal.screens.catalogue.parts import fault, hinted, numbered, sentence
from terminal.screens.layout import Checks, Entry, Hint, Layout, Mark, MenuList, Notice
from terminal.screens.values import value
from terminal.strings import LANGUAGES, Words


@value
class Boot:
    """Power-on; `checks` are (name in room "check", passed)."""

    name: ClassVar[str] = "boot"
    version: str
    checks: tuple[tuple[str, bool], ...]

    def lay(self, words: Words) -> Layout:
        named = tuple((words.about("check", check), ok) for check, ok in self.checks)
        return Checks(words["product"], named, corner=self.version)


@value
class ChooseLanguage:
    """`selected` counts in LANGUAGES."""

    name: ClassVar[str] = "choose_language"
    selected: int

    def lay(self, words: Words) -> Layout:
        items = numbered(words[f"language.{language}"] for language in LANGUAGES)
        return MenuList(words["choose_language.title"], items, self.selected)


@value
class EnterNumber:
    """`field` in room "field"; `hint` is a word of room "hint_text", a key, or text."""

    name: ClassVar[str] = "enter_number"
    field: str
    value: str
    hint: str

    def lay(self, words: Words) -> Layout:
        note = words.about("hint_text", self.hint) if self.hint else ""
        hint = hinted(words, "back", "confirm")
        return Entry(words.about("field", self.field), value=self.value, note=note, hint=hint)


@value
class ConfirmTestKeys:
    name: ClassVar[str] = "confirm_test_keys"

    def lay(self, words: Words) -> Layout:
        text = words["confirm_test_keys.text"]
        hint = hinted(words, "no", "yes")
        return Notice(words["confirm_test_keys.title"], headline=text, mark=Mark.LOCK, hint=hint)


@value
class NextHolder:
    """Whose turn it is in a key ceremony: component `number` of `count`."""

    name: ClassVar[str] = "next_holder"
    number: int
    count: int

    def lay(self, words: Words) -> Layout:
        return Notice(
            words["load_keys.title"],
            headline=words.say("next_holder.text", number=self.number),
            corner=words.say("page", page=self.number, pages=self.count),
            mark=Mark.LOCK,
            hint=hinted(words, "stop", "log_in"),
        )


@value
class TypeComponent:
    """How many hex digits are typed of how many; which ones no screen knows. `problem` in room "component", or ""."""

    name: ClassVar[str] = "type_component"
    number: int
    count: int
    digits: int
    length: int
    problem: str

    def lay(self, words: Words) -> Layout:
        # Printed components stand in groups of four: the dots of this group are what an eye can count.
        group, dots = divmod(self.digits, 4)
        return Entry(
            words.say("component.title", number=self.number, count=self.count),
            masked=dots,
            corner=words.say("page", page=self.digits, pages=self.length),
            label=words.about("component", self.problem or "keys"),
            note=words.say("component.group", group=group + 1, groups=self.length // 4),
            hint=hinted(words, "stop", ""),
        )


@value
class ConfirmKcv:
    """A check value to be compared with paper: of component `number`, or of the whole key (0)."""

    name: ClassVar[str] = "confirm_kcv"
    number: int
    kcv: str
    parity_errors: int

    def lay(self, words: Words) -> Layout:
        parity = words.say("kcv.parity", count=self.parity_errors) if self.parity_errors else ""
        title = words["kcv.key"]
        if self.number:  # A component without odd parity is no fault, so it is news and stands in the corner.
            title = words.say("kcv.short" if parity else "kcv.component", number=self.number)
        lines = (words["kcv.compare"],)
        return Notice(title, amount=self.kcv, lines=lines, corner=parity, hint=hinted(words, "differs", "same"))


@value
class CeremonyProblem:
    """`reason` in room "ceremony": what a key ceremony does not take, or why it ended."""

    name: ClassVar[str] = "ceremony_problem"
    reason: str

    def lay(self, words: Words) -> Layout:
        text = words.about("ceremony", self.reason)
        return Notice(words["load_keys.title"], headline=text, mark=Mark.FAILED, hint=hinted(words, "", "ok"))


@value
class KeysLoaded:
    name: ClassVar[str] = "keys_loaded"
    kcv: str

    def lay(self, words: Words) -> Layout:
        lines = (words["keys_loaded.then"],)
        hint = hinted(words, "", "ok")
        return Notice(words["keys_loaded.title"], amount=self.kcv, lines=lines, mark=Mark.DONE, hint=hint)


@value
class SelfTest:
    """`checks` as in Boot."""

    name: ClassVar[str] = "self_test"
    checks: tuple[tuple[str, bool], ...]

    def lay(self, words: Words) -> Layout:
        named = tuple((words.about("check", check), ok) for check, ok in self.checks)
        passed = sum(ok for _, ok in self.checks)
        return Checks(words["self_test.title"], named, corner=f"{passed}/{len(named)}")


@value
class OperatorPassword:
    """`digits` typed so far; `problem` in room "password_problem", or ""."""

    name: ClassVar[str] = "operator_password"
    operator: str
    digits: int
    problem: str

    def lay(self, words: Words) -> Layout:
        label = words.say("operator_password.label", operator=self.operator)
        if self.problem:
            label = words.about("password_problem", self.problem)
        hint = hinted(words, "back", "confirm")
        return Entry(words["operator_password.title"], masked=self.digits, label=label, hint=hint)


@value
class SigningIn:
    name: ClassVar[str] = "signing_in"

    def lay(self, words: Words) -> Layout:
        return Notice(words["waiting.title"], headline=words["signing_in.text"], mark=Mark.WAIT)


@value
class SignInFailed:
    """`reason` in room "sign_in_failed" or "fault"; `code` is the host's answer, or "".

    `text` is what a refusal says, else ""; `then` is what to do next, in room "next".
    """

    name: ClassVar[str] = "sign_in_failed"
    reason: str
    code: str
    text: str
    then: str

    def lay(self, words: Words) -> Layout:
        return Notice(
            words["sign_in_failed.title"],
            headline=sentence(words, self.text) if self.text else fault(words, "sign_in_failed", self.reason),
            corner=self.code,
            mark=Mark.FAILED,
            hint=self._hint(words),
        )

    def _hint(self, words: Words) -> Hint:
        """Another try is offered where it may help."""
        if not self.text:
            return hinted(words, "back", "retry")
        return Hint(words.about("next", self.then), words["hint.ok" if self.then == "acquirer" else "hint.retry"])
