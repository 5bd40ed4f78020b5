"""The configuration: defaults, the example, and every error at once with its line."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from terminal.config import Address, Config, ConfigErrors, Host, Tls, load_config, parse_config
from terminal.config.settings import SECTIONS

EXAMPLE = Path(__file__).parents[1] / "terminal" / "zhanggui.example.toml"

TEN_MISTAKES = """\
[general]
language = "fr"
[merchant]
merchant_no = "12345"
nmae = "Shop"
[link]
hosts = ["acquirer"]
reply_ms = 5
[link.tls]
on = "yes"
[display]
driver = "ssd1351"
[printer]
width_mm = 57
[scaner]
device = "/dev/ttyUSB0"
[gpio]
rows = [5, 6, 13]
buzzer = 99
"""


def test_ten_mistakes_give_ten_messages_with_their_lines() -> None:
    with pytest.raises(ConfigErrors) as caught:
        parse_config(TEN_MISTAKES)
    found = [(problem.line, problem.key) for problem in caught.value.problems]
    assert found == [
        (2, "general.language"),
        (4, "merchant.merchant_no"),
        (5, "merchant.nmae"),
        (7, "link.hosts"),
        (8, "link.reply_ms"),
        (10, "link.tls.on"),
        (12, "display.driver"),
        (14, "printer.width_mm"),
        (15, "scaner"),
        (18, "gpio.rows"),
        (19, "gpio.buzzer"),
    ]
    english, chinese = caught.value.text("en"), caught.value.text("zh-CN")
    assert "line 5: merchant.nmae: there is no such key; did you mean name?" in english
    assert "line 15: scaner: there is no such section; did you mean [scanner]?" in english
    assert "第 8 行: link.reply_ms: 须在 1000 与 600000 之间" in chinese
    assert len(english.splitlines()) == len(chinese.splitlines()) == 11


def test_the_example_file_is_the_defaults() -> None:
    config = load_config(EXAMPLE)
    folder = EXAMPLE.parent
    expected = Config.default()
    expected = dataclasses.replace(
        expected, general=dataclasses.replace(expected.general, data=folder / expected.general.data)
    )
    assert config == expected


def test_the_example_file_names_every_key() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    for section, make in SECTIONS.items():
        part = text.split(f"[{section}]")[1].split("\n[")[0]
        for field in dataclasses.fields(make()):
            if "rule" in field.metadata:
                assert re.search(rf"^(# )?{field.name} = ", part, re.MULTILINE), f"{section}.{field.name}"


def test_every_line_of_the_example_loads_when_its_comment_mark_is_taken_away(tmp_path: Path) -> None:
    text = re.sub(r"(?m)^# ([a-z_]+ = )", r"\1", EXAMPLE.read_text(encoding="utf-8"))
    text = text.replace("on = false", "on = true")
    config = parse_config(text, folder=tmp_path)
    assert config.link.tls.ca == tmp_path / "acquirer-ca.pem"
    assert config.gpio.tamper == 26
    assert config.printer.address == Address("192.168.1.50", 9100)
    assert [name for name, _ in config.wallets.contracts] == ["wechat", "alipay"]


def test_an_empty_file_is_the_defaults_and_they_obey_their_own_rules() -> None:
    assert parse_config("") == Config.default()
    assert not list(Config.default().gpio.complaints())


WECHAT = """[wallets.wechat]
merchant_id = "1900000001"
app_id = "wx0000000000000001"
serial = "5157F09E"
public_key_id = "PUB_KEY_ID_01"
"""


def test_a_contract_with_a_wallet(tmp_path: Path) -> None:
    more = 'gateway = "https://localhost:8443/"\nca = "ca.pem"\nkey = "wechat-2"\nfee_bp = 38\n'
    config = parse_config(WECHAT + more, folder=tmp_path)
    assert [name for name, _ in config.wallets.contracts] == ["wechat"]
    wechat = config.wallets.wechat
    assert (wechat.gateway, wechat.ca, wechat.key) == (Address("localhost", 8443), tmp_path / "ca.pem", "wechat-2")
    assert (wechat.fee_bp, wechat.direct) == (38, ("shown", "scanned"))
    assert config.wallets.alipay == Config.default().wallets.alipay


def test_everything_that_is_wrong_with_contracts_is_told_at_once() -> None:
    text = """[wallets.wechat]
app_id = "wx0000000000000001"
gateway = "http://api.mch.weixin.qq.com"
key = "alipay"
fee_bp = 1.5
direct = []
[wallets.alipay]
store_id = "7"
[wallets.unionpay]
"""
    with pytest.raises(ConfigErrors) as caught:
        parse_config(text)
    english, chinese = caught.value.text(), caught.value.text("zh-CN")
    assert "line 3: wallets.wechat.gateway: refused without TLS: must begin with https://" in english
    assert "第 3 行: wallets.wechat.gateway: 无 TLS, 拒绝" in chinese
    assert "line 4: wallets.wechat.key: must be a name in the key store: wechat wechat-2 ... wechat-9" in english
    assert "line 5: wallets.wechat.fee_bp: must be a whole number" in english
    assert "line 6: wallets.wechat.direct: must be a list [...] of 1-2 items" in english
    assert "line 7: wallets.alipay.app_id: a contract needs this one, too" in english
    assert "line 9: wallets.unionpay: there is no such key" in english
    assert len(english.splitlines()) == len(chinese.splitlines()) == 6


def test_half_a_contract_names_what_is_missing() -> None:
    with pytest.raises(ConfigErrors) as caught:
        parse_config('[wallets.wechat]\nmerchant_id = "1900000001"\n')
    missing = {problem.key for problem in caught.value.problems}
    assert missing == {f"wallets.wechat.{name}" for name in ("app_id", "serial", "public_key_id")}


@pytest.mark.parametrize(
    "url", ["https://", "https://host:0", "https://host:70000", "https://host/path", "https://u@host", "ftp://host", 1]
)
def test_what_is_no_gateway(url: object) -> None:
    with pytest.raises(ConfigErrors, match="gateway"):
        parse_config(WECHAT + f"gateway = {url!r}\n")


def test_values_arrive_typed() -> None:
    config = parse_config(
        '[link]\nhosts = ["[::1]:65535"]\n'
        '[printer]\nwidth_mm = 80\n[general]\ndata = "/var/x"\n'
    )
    assert config.link.hosts == (Host(Address("::1", 65535)),)
    assert str(config.link.hosts[0]) == "[::1]:65535"
    assert config.printer.cells == 48
    assert config.general.data == Path("/var/x")


def test_a_way_to_the_host_may_say_more_than_its_address(tmp_path: Path) -> None:
    text = """
    [link]
    hosts = [
      "pos.test:8583",
      { address = "10.8.0.1:8583", interface = "wwan0", tls = false },
      { address = "b.test:1", ca = "b.pem", cert = "b-me.pem", key = "b-me.key", server_name = "b" },
    ]
    [link.tls]
    on = true
    ca = "all.pem"
    """
    link = parse_config(text, folder=tmp_path).link
    first, second, third = link.hosts
    assert link.tls_of(first) == Tls(on=True, ca=tmp_path / "all.pem", server_name="pos.test")
    assert not link.tls_of(second).on
    assert second.interface == "wwan0"
    assert link.tls_of(third) == Tls(
        on=True, ca=tmp_path / "b.pem", cert=tmp_path / "b-me.pem", key=tmp_path / "b-me.key", server_name="b"
    )


@pytest.mark.parametrize(
    ("hosts", "reason"),
    [
        ("[]", "1-6 items"),
        ('["a:1", "a:1"]', "names one of them twice"),
        ('[{ interface = "eth0" }]', "host:port"),
        ("[7]", "host:port"),
        ('[{ address = "a:1", interface = "eth 0" }]', "an interface"),
        ('[{ address = "a:1", metric = 2 }]', "no such key: metric"),
        ('[{ address = "a:1", cert = "c.pem" }]', "set together"),
        (str([f"a:{port}" for port in range(1, 8)]).replace("'", '"'), "1-6 items"),
    ],
)
def test_a_way_that_cannot_be_is_refused_with_its_line(hosts: str, reason: str) -> None:
    with pytest.raises(ConfigErrors, match=reason) as caught:
        parse_config(f"[link]\nhosts = {hosts}\n")
    assert [(problem.line, problem.key) for problem in caught.value.problems] == [(2, "link.hosts")]


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("[gpio]\nrows=[5,6,13,19]\nbuzzer=19\n", 3, "pin 19 is already used by rows"),
        ('[link.tls]\non=true\nca="a.pem"\ncert="c.pem"\n', 4, "cert and key are set together"),
        ('[link.tls]\nca="c.pem"\n', 2, "no effect while tls.on is false"),
        ('[link]\ntls = {on = false, ca = "x"}\n', 2, "no effect while tls.on is false"),
        ('[printer]\ntransport="network"\n', 2, "network needs address"),
        ('[printer]\ntransport="usb"\n', 2, "must be one of"),
        ('[display]\nbus="i2c"\n', 2, "there is no such key"),
        ('[link]\nhosts=["a:1", "a:1"]\n', 2, "twice"),
        ('[display]\ndriver="ssd1306"\nrotate=90\n', 3, "turns by 0 or 180"),
        ('[link]\nhosts=["a:0"]\n', 2, "port from 1 to 65535"),
        ("[link]\nhosts=[]\n", 2, "list [...] of 1-6 items"),
        ("[timeouts]\npin_ms=true\n", 2, "whole number"),
        ("[timeouts]\npin_ms=60_000.0\n", 2, "whole number"),
        ("[scanner]\nwidth_mm=58\n", 2, "it belongs to [printer]"),
        ('language="en"\n', 1, "stands outside any [section]; it belongs to [general]"),
        ("general = 3\n", 1, "stands outside any [section]"),
    ],
)
def test_a_mistake_is_told_with_its_line(text: str, line: int, reason: str) -> None:
    with pytest.raises(ConfigErrors) as caught:
        parse_config(text)
    assert [problem.line for problem in caught.value.problems] == [line]
    assert reason in caught.value.problems[0].en


def test_syntax_errors_do_not_hide_the_others() -> None:
    text = '[general\nlanguage = "fr"\n[timeouts]\npin_ms = = 3\ncard_ms = 1\n'
    with pytest.raises(ConfigErrors) as caught:
        parse_config(text)
    assert [(problem.line, problem.key) for problem in caught.value.problems] == [
        (1, ""),
        (2, "general.language"),
        (4, ""),
        (5, "timeouts.card_ms"),
    ]


def test_a_key_twice_and_an_unclosed_list_are_told() -> None:
    with pytest.raises(ConfigErrors) as caught:
        parse_config("[timeouts]\npin_ms = 2000\npin_ms = 3000\n")
    assert [problem.line for problem in caught.value.problems] == [3]
    with pytest.raises(ConfigErrors) as caught:
        parse_config('[link]\nhosts = ["a:1",\n')
    assert "TOML" in caught.value.problems[0].en


def test_a_file_that_cannot_be_read_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors, match="cannot be read"):
        load_config(tmp_path / "absent.toml")
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"# ok\n\xff\xfe\n")
    with pytest.raises(ConfigErrors, match="line 2: is not UTF-8"):
        load_config(binary)
    large = tmp_path / "large.toml"
    large.write_bytes(b"#" * 70_000)
    with pytest.raises(ConfigErrors, match="more than"):
        load_config(large)


def test_windows_line_ends_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    path = tmp_path / "windows.toml"
    path.write_bytes(b'\xef\xbb\xbf[general]\r\nlanguage = "en"\r\n')
    assert load_config(path).general.language == "en"


@settings(max_examples=150)
@given(
    st.text(max_size=200)
    | st.lists(st.sampled_from(TEN_MISTAKES.splitlines() + ["]", "x = ["])).map("\n".join)
)
def test_garbage_raises_only_config_errors(text: str) -> None:
    try:
        parse_config(text)
    except ConfigErrors as error:
        assert error.problems
        assert all(0 <= problem.line <= text.count("\n") + 1 for problem in error.problems)
