"""The keys of a wallet's contract: what is taken, what is at rest, the one door out, the command that loads them."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from keys import ContractRef, KeyRef, KeyRefused, KeyStore, Usage, contract_intake
from keys.__main__ import main
from keys.contracts import API_V3, SIGNING, Fresh
from keys.testkeys import TEST_API_V3_KEY
from keys.tools.terminal_store import DEVICE_ID, FOLDER

PUBLISHED = Path(__file__).parents[1] / "sim" / "gateways" / "keys"
WECHAT, ALIPAY = ContractRef("wechat"), ContractRef("alipay")


def private(name: str) -> bytes:
    return (PUBLISHED / f"{name}.pem").read_bytes()


def public(name: str) -> bytes:
    key = serialization.load_pem_private_key(private(name), password=None)
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def fresh(ref: ContractRef = WECHAT) -> Fresh:
    secret = bytearray(TEST_API_V3_KEY if ref.wallet == "wechat" else b"")
    return contract_intake.read(ref, private(f"{ref.wallet}-shop"), public(f"{ref.wallet}-wallet"), secret)


@pytest.fixture(scope="module")
def own() -> bytes:
    """A key that nobody has published."""
    return rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


def store(folder: Path, *, test_only: bool = True) -> KeyStore:
    return KeyStore.open(folder / FOLDER, terminal_id="T1", test_only=test_only)


def test_what_was_loaded_is_lent_after_a_restart(tmp_path: Path) -> None:
    for ref in (WECHAT, ALIPAY):
        store(tmp_path).contracts.load(fresh(ref))
    for ref, secret in ((WECHAT, TEST_API_V3_KEY.decode()), (ALIPAY, "")):
        lent = store(tmp_path).contracts.lend(ref)
        assert lent.private_pem.encode() == private(f"{ref.wallet}-shop")
        assert lent.wallet_pem.encode() == public(f"{ref.wallet}-wallet")
        assert lent.api_v3_key == secret
        assert repr(lent) == "ContractKeys()"


def test_nothing_of_it_is_at_rest_in_the_clear(tmp_path: Path) -> None:
    keys = store(tmp_path)
    taken = fresh()
    keys.contracts.load(taken)
    kept = b"".join(path.read_bytes() for path in (tmp_path / FOLDER).iterdir())
    for secret in (bytes(taken.private[:64]), bytes(taken.private[-64:]), TEST_API_V3_KEY, bytes(taken.wallet[-64:])):
        assert secret not in kept
    assert TEST_API_V3_KEY.decode() not in repr(keys) + repr(taken)


def test_without_real_keys_only_published_ones_come_in_or_stay(tmp_path: Path, own: bytes) -> None:
    other = contract_intake.read(ALIPAY, own, public("alipay-wallet"), bytearray())
    assert not other.published
    with pytest.raises(KeyRefused, match="real_keys"):
        store(tmp_path).contracts.load(other)
    assert not store(tmp_path).contracts.has(ALIPAY)
    store(tmp_path, test_only=False).contracts.load(other)
    with pytest.raises(KeyRefused, match="no published test key"):
        store(tmp_path)


def test_another_wallet_s_key_or_secret_makes_the_contract_one_s_own(own: bytes) -> None:
    """Published is what is published whole: the wallet's key decides what is believed, so it counts, too."""
    theirs = serialization.load_pem_private_key(own, password=None).public_key()
    pem = theirs.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert not contract_intake.read(ALIPAY, private("alipay-shop"), pem, bytearray()).published
    pair = private("wechat-shop"), public("wechat-wallet")
    assert not contract_intake.read(WECHAT, *pair, bytearray(b"x" * 32)).published


def test_a_contract_s_keys_do_no_other_work_and_no_other_key_is_lent(tmp_path: Path) -> None:
    keys = store(tmp_path)
    keys.load_test_tmk()
    with pytest.raises(KeyRefused, match="no key of the contract"):
        keys.contracts.lend(WECHAT)
    keys.contracts.load(fresh())
    assert keys.held() == (KeyRef(Usage.TMK),)
    assert {SIGNING, API_V3}.isdisjoint(use.value for use in Usage)


def test_a_signing_key_has_one_name(tmp_path: Path) -> None:
    keys = store(tmp_path)
    keys.contracts.load(fresh())
    keys.contracts.load(fresh())  # Again in its own place is no second place.
    second = ContractRef("wechat-2")
    with pytest.raises(KeyRefused, match="already"):
        keys.contracts.load(fresh(second))
    keys.contracts.drop(WECHAT)
    keys.contracts.load(fresh(second))
    assert (keys.contracts.has(WECHAT), keys.contracts.has(second)) == (False, True)


def test_an_opened_case_takes_them_along(tmp_path: Path) -> None:
    keys = store(tmp_path)
    keys.contracts.load(fresh())
    keys.zeroise()
    assert not store(tmp_path).contracts.has(WECHAT)


@pytest.mark.parametrize("name", ["", "wechat-", "wechat-1", "wechat-10", "WeChat", "unionpay", "wechat\n"])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(KeyRefused):
        ContractRef(name)


def pem_of(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def test_alipay_s_bare_base64_is_the_same_key() -> None:
    lines = [line for line in private("alipay-shop").splitlines() if b"-----" not in line]
    pub = [line for line in public("alipay-wallet").splitlines() if b"-----" not in line]
    bare = contract_intake.read(ALIPAY, b"".join(lines), b"".join(pub), bytearray())
    assert (bare.ours, bare.published) == (fresh(ALIPAY).ours, True)


def sealed_with_a_password() -> bytes:
    key = serialization.load_pem_private_key(private("wechat-shop"), password=None)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (pem_of(rsa.generate_private_key(65537, 1024)), "2048"),
        (pem_of(rsa.generate_private_key(3, 2048)), "exponent"),
        (pem_of(ec.generate_private_key(ec.SECP256R1())), "no RSA private key"),
        (sealed_with_a_password(), "no PRIVATE KEY"),
        (private("wechat-shop") + private("alipay-shop"), "more than one"),
        (public("wechat-shop"), "no PRIVATE KEY"),
        (private("wechat-shop").replace(b"b", b"c"), "no RSA private key"),
        (private("wechat-shop").replace(b"M", b"=", 1), "base64"),
        (b"-----BEGIN PRIVATE KEY-----\n" + b"A" * 9_000, "8192"),
        (b"", "no PRIVATE KEY"),
    ],
)
def test_what_is_no_signing_key(text: bytes, reason: str) -> None:
    with pytest.raises(KeyRefused, match=reason):
        contract_intake.read(WECHAT, text, public("wechat-wallet"), bytearray(TEST_API_V3_KEY))


@pytest.mark.parametrize("secret", [b"", b"x" * 31, b"x" * 33, b" " * 32, b"\x00" * 32])
def test_what_is_no_api_v3_key(secret: bytes) -> None:
    with pytest.raises(KeyRefused, match="API v3"):
        contract_intake.read(WECHAT, private("wechat-shop"), public("wechat-wallet"), bytearray(secret))


def test_the_shop_s_own_key_is_not_the_wallet_s() -> None:
    """Somebody who uploads the wrong file would believe nobody but themselves."""
    with pytest.raises(KeyRefused, match="another than the shop's own"):
        contract_intake.read(ALIPAY, private("alipay-shop"), public("alipay-shop"), bytearray())


class Terminal:
    """A data folder as a terminal leaves it, and files as somebody brings them."""

    def __init__(self, folder: Path, ours: bytes) -> None:
        self.data = folder / "data"
        self.data.mkdir(mode=0o700)
        (self.data / DEVICE_ID).write_text("T1")
        self.files = {
            "--private-key": self._file(folder / "ours.pem", ours, 0o600),
            "--public-key": self._file(folder / "wallet.pem", public("wechat-wallet"), 0o644),
        }

    def _file(self, path: Path, data: bytes, mode: int) -> Path:
        path.touch(mode)
        path.write_bytes(data)
        return path

    def loads(self, *more: str, typed: bytes = TEST_API_V3_KEY + b"\n") -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        files = [word for option, path in self.files.items() for word in (option, str(path))]
        code = main(["wallet", "wechat", "--data", str(self.data), *files, *more], io.BytesIO(typed), out, err)
        return code, out.getvalue(), err.getvalue()


def test_the_command_loads_and_shows_fingerprints_and_no_key(tmp_path: Path) -> None:
    place = Terminal(tmp_path, private("wechat-shop"))
    code, out, err = place.loads("--json")
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert (told["ours"], told["test_key"], len(told["kcv"])) == (fresh().ours, True, 10)
    assert TEST_API_V3_KEY.decode() not in out
    assert store(place.data).contracts.has(WECHAT)


def test_the_command_takes_no_key_of_one_s_own_unless_it_is_named(tmp_path: Path, own: bytes) -> None:
    place = Terminal(tmp_path, own)
    code, _, err = place.loads()
    assert code == 1
    assert "real_keys" in err
    assert place.loads("--allow-real-keys")[0] == 0
    assert store(place.data, test_only=False).contracts.has(WECHAT)


def test_the_command_refuses_a_private_key_that_others_may_read(tmp_path: Path) -> None:
    place = Terminal(tmp_path, private("wechat-shop"))
    place.files["--private-key"].chmod(0o644)
    code, _, err = place.loads()
    assert code == 1
    assert "chmod 600" in err


def test_the_command_forgets_a_contract(tmp_path: Path) -> None:
    place = Terminal(tmp_path, private("wechat-shop"))
    place.loads()
    place.files.clear()
    assert place.loads("--drop")[0] == 0
    assert not store(place.data).contracts.has(WECHAT)


@pytest.mark.slow
@settings(max_examples=300)
@given(st.binary(max_size=200) | st.tuples(st.integers(0, 1_703), st.integers(0, 255)))
def test_whatever_a_file_holds_it_is_a_key_or_refused(what: bytes | tuple[int, int]) -> None:
    """Noise, and the published key with one byte changed."""
    text = what
    if isinstance(what, tuple):
        changed = bytearray(private("wechat-shop"))
        changed[what[0] % len(changed)] = what[1]
        text = bytes(changed)
    try:
        taken = contract_intake.read(WECHAT, text, public("wechat-wallet"), bytearray(TEST_API_V3_KEY))
    except KeyRefused:
        return
    assert taken.ours == fresh().ours
