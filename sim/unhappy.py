"""The unhappy cases of which the shipped scenarios show each at least once: name, and both languages.

What only bytes on a real wire, a real disk or a real reader can do is tested elsewhere; ELSEWHERE names the test.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

Two = tuple[str, str]

UNHAPPY: Mapping[str, Two] = MappingProxyType(
    {
        # The host.
        "no-reply": ("主机无应答", "the host does not answer"),
        "late-reply": ("应答迟到", "the answer comes too late"),
        "duplicate-reply": ("应答重复", "the answer comes twice"),
        "garbled-reply": ("应答损坏", "the answer is garbled"),
        "wrong-mac": ("MAC 错", "the answer's MAC is wrong"),
        "no-mac": ("应答无 MAC", "the answer has no MAC"),
        "another-stan": ("别笔的流水号", "the answer has another STAN"),
        "another-terminal": ("别台终端的应答", "the answer is another terminal's"),
        "another-amount": ("金额不符", "the answer has another amount"),
        "stale-reply": ("先来旧应答", "an old answer comes first"),
        "cut-mid-frame": ("报文中途断线", "the line breaks in the middle of a frame"),
        "lost-request": ("请求丢失", "the request is lost"),
        "duplicate-request": ("请求到两次", "the request arrives twice"),
        "answer-after-reversal": ("批准晚于冲正", "an approval arrives after its reversal"),
        "host-lost-state": ("主机失忆", "a host that lost its state"),
        "declined": ("交易被拒", "the host declines"),
        "sign-in-wanted": ("主机要求重新签到", "the host wants a new sign-in"),
        "sign-in-bad-key": ("签到密钥校验错", "a sign-in with a bad check value"),
        "part-approved": ("部分批准", "only a part is approved"),
        "reversal-lost": ("冲正丢失", "the reversal is lost, too"),
        "settlement-lost": ("结算应答丢失", "the settlement's answer is lost"),
        "dear-bill": ("对账单手续费不符", "a trade bill takes another fee than the contract"),
        # The network.
        "refused": ("连接被拒", "no connection"),
        "flapping": ("线路时断时续", "the line comes and goes"),
        "failover": ("切换到备用主机", "the other address in the middle of a batch"),
        "cable-out": ("网线拔出", "the cable is out"),
        # Cards.
        "card-torn": ("交易中拔卡", "the card is torn out during a command"),
        "card-early": ("过早取卡", "the card is taken out too early"),
        "card-6f00": ("卡片报 6F00", "the card answers 6F00"),
        "card-garbage": ("卡片数据损坏", "the card's data is no TLV"),
        "card-endless": ("卡片无尽 61xx", "61xx without end"),
        "card-long-record": ("超长记录", "a record that is too long"),
        "card-mute": ("卡片无应答", "the card is mute"),
        "card-refuses": ("批准后卡片拒绝", "the card refuses what the host approved"),
        "bad-arpc": ("发卡行认证失败", "the issuer's authentication is wrong"),
        "bad-stripe": ("磁条读坏", "the stripe is not read"),
        # The printer.
        "paper-out": ("缺纸", "the paper is out"),
        "paper-out-mid-slip": ("打印中缺纸", "the paper ends in the middle of a slip"),
        "paper-low": ("纸将用完", "the paper is low"),
        "cover-open": ("仓盖打开", "the cover is open"),
        "printer-off": ("打印机掉电", "the printer has no power"),
        # Power and clock.
        "power-cut": ("断电", "the power is cut"),
        "power-cut-again": ("恢复时又断电", "the power is cut during recovery"),
        "clock-back": ("时钟倒退", "the clock jumps back"),
        "no-clock": ("没有时钟", "no clock"),
        # The disk.
        "disk-full": ("磁盘已满", "the disk is full"),
        "disk-write": ("写盘出错", "the disk fails at a write"),
        "disk-sync": ("落盘出错", "the disk fails at a sync"),
        "disk-folder": ("目录落盘出错", "the disk fails at a folder's sync"),
        "disk-close": ("关闭文件出错", "the disk fails at a close"),
        "disk-lies": ("磁盘谎称已落盘", "a disk that lies about its syncs, which is the limit"),
        # Devices.
        "reader-unplugged": ("读卡器拔出", "the reader is unplugged"),
        "scanner-dead": ("扫码枪无应答", "the scanner does not answer"),
        "case-open": ("机壳被撬", "the case is opened"),
        # People.
        "wrong-pin-thrice": ("三次密码错", "a wrong PIN three times"),
        "wrong-password": ("操作员密码错", "a wrong password three times"),
        "cancelled": ("到处取消", "cancel at every prompt"),
        "walked-away": ("顾客离开", "the customer walks away"),
        "hasty-keys": ("乱按键", "keys that nobody asked for"),
        "wallet-refuses": ("钱包拒付", "the customer refuses in the wallet"),
    }
)
ELSEWHERE: Mapping[str, str] = MappingProxyType(
    {
        "split segments, slow drip, half-open line": "tests/test_sim_proxy.py",
        "torn sector": "tests/test_journal_power_cuts.py",
        "corrupt journal file": "tests/test_journal_file.py",
        "pcscd restarts": "tests/test_system_pcsc.py",
        "serial checksum, half a frame": "tests/test_scanner_stream.py",
        "two keys at once": "tests/test_gpio_debounce.py",
    }
)
