"""What a world refuses, in Chinese: English, as whoever raised it said it, to Chinese, a row a sentence.

The API says it in the language that it is asked in, the panel in that of its page.

A row is a pattern for the whole of a reason. What its groups find is looked up in its turn, so that a reason inside a
reason is said once; a name that no row knows stays as it is.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Final

_ROWS: Final = MappingProxyType(
    {
        # HTTP
        r"a mistake of the simulator's; its error stream says where": "模拟台自身出错；错误输出里有位置",
        r"a Content-Length, and no Transfer-Encoding": "须有 Content-Length，不用 Transfer-Encoding",
        r"the Content-Length is no number": "Content-Length 不是数字",
        r"a body has at most (\d+) bytes": "正文最多{}字节",
        r"the body ends before its Content-Length": "正文短于 Content-Length",
        r"Authorization: Bearer TOKEN, with the token that was printed":
            "须有 Authorization: Bearer 令牌（启动时印出）",
        r"no such path; (.+); GET /v1/openapi.json lists them": "没有这个路径；{}；全部见 GET /v1/openapi.json",
        r"this path takes (.+)": "这个路径只接受 {}",
        r"what stands behind the \? does not parse": "? 之后的内容无法解析",
        r"a name stands twice behind the \?": "? 之后同一名字出现两次",
        r"Content-Type: application/json": "须有 Content-Type: application/json",
        r"not JSON: (.+)": "不是 JSON：{}",
        r"the body is a JSON object": "正文须是一个 JSON 对象",
        r"not understood": "无法理解",
        r"Unsupported method \((.+)\)": "不支持的方法{}",
        r"Bad request (?:syntax|version) \((.*)\)": "请求行无法解析：{}",
        r"Line too long|Too many headers|got more than \d+ .+": "请求行或头部过长",
        r"this answers to 127.0.0.1 and localhost only": "只应答 127.0.0.1 与 localhost",
        r"a socket must come from the panel's own page": "通道只能来自模拟台自己的页面",
        r"the address does not parse": "地址无法解析",
        r"open the address that the panel printed; it carries this run's token": "请打开模拟台印出的地址，令牌在其中",
        r"foreign origin": "来源不是本机页面",
        # Fields
        r"is missing: .+": "缺少此项；它是什么，见 /v1/openapi.json",
        r"no such field; (.+)": "没有这一项；{}",
        r"there are none": "这里一项也没有",
        r"a text of at most (\d+) characters": "最多{}个字符的文字",
        r"a text of 1 to (\d+) characters": "1至{}个字符的文字",
        r"a whole number from (\S+) to (\S+)": "{}至{}的整数",
        r"a number from (\S+) to (\S+)": "{}至{}的数字",
        r"a number below 2\^63, or a text of 1 to (\d+) characters": "小于2^63的整数，或1至{}个字符的文字",
        r"true or false": "true 或 false（真或假）",
        r"at most (\d+) characters": "最多{}个字符",
        r"at most (\d+)": "最多{}个",
        r"a list": "须是列表",
        r"an object": "须是对象",
        r"digits and key names, with one blank between them, at most (\d+)": "数字与键名，以一个空格分隔，最多{}个",
        r"digits and key names; ('.*?'): (.+)": "数字与键名；{}：{}",
        r"a card's name": "卡的名字",
        r"CARD or FAULT:CARD": "卡名，或故障:卡名",
        r"WALLET:AMOUNT in fen": "钱包:金额（分）",
        r"a code without spaces": "不含空格的码",
        r"a message type such as 0200": "报文类型，如0200",
        r"(.+) is not of the form NAME\[,option=value\]": "{}的写法须是 名字[,选项=值]",
        # Faults
        r"no fault is called (.+); (did you mean .+|one of .+)": "没有叫{}的故障；{}",
        r"no fault of a line is called (.+); (did you mean .+|one of .+)": "线路没有叫{}的故障；{}",
        r"fault ('.*?'): no option (.*); (did you mean .+|one of .+)": "故障{}：没有选项{}；{}",
        r"('.*?'): no option (.*); they are (.+)": "{}：没有选项{}；可用{}",
        r"fault ('.*?'): a response code is two digits or capital letters": "故障{}：应答码是两位数字或大写字母",
        r"(?:fault )?('.*?'): (\w+) is a number up to (\d+)": "{}：{}是不超过{}的数字",
        r"no such mishap: (.+); (did you mean .+|one of .+)": "没有这种意外{}；{}",
        r"(.+) of the host needs a line of bytes; here the line has it": "主机的{}需要逐字节的线路；这里由线路来做",
        r"(.+) needs a line of bytes: python -m sim proxy": "{}需要逐字节的线路：python -m sim proxy",
        r"this world's power cannot fail at a moment": "这个世界不能在某一时刻断电",
        r"this world's journal is on no disk that can fail": "这个世界的日志不在会出错的磁盘上",
        r"(\S+) is not mended by its name": "{}不能按名字修复",
        r"(\S+): there is no (.+)": "{}：没有{}",
        # The panel
        r"no such scenario: (.+)": "没有这个场景：{}",
        r"(?:no|there is no) card (\S+)": "没有这张卡：{}",
        r"(.+) is not done to a handheld": "不能对终端做{}",
        r"its journal cannot be read: (.+)": "读不出它的日志：{}",
        r"a scenario is being played: stop it, or wait for its end": "正在演场景：请停止，或等它演完",
        # Deeds
        r"run until what\? (.+)": "直到什么为止？{}",
        r"text is missing": "缺少文字",
        r"an entry is an object": "一条记录须是对象",
        r"an entry is (pass_to, .+) or touch": "一条记录是 {}、touch 之一",
        r"no such entry: (.+)": "没有这种记录：{}",
        r"a touch is one of (.+), and the wallet": "触摸是{}之一，并指明钱包",
        r"only what is read is a code, of at most (\d+) characters": "只有读取时才有码，最多{}个字符",
        r"a moment is a whole number of milliseconds, of at most a year": "时刻是整数毫秒，不超过一年",
        r"a step is made of words, numbers, lists and names": "一步由文字、数字、列表和名字组成",
        r"a speed is 0 to (\d+)": "速度为0至{}",
        # What a world cannot do now
        r"the terminal has no power; power: on first": "终端没有通电；先 power: on",
        r"the terminal is on": "终端已经通电",
        r"the host has not signed it in; it is (.+)": "主机没有让它签到；现在是{}",
        r"the host is outside this world; its book is its own": "主机在这个世界之外，账也在它自己那里",
        r"the host is outside this world; its line can have faults": "主机在这个世界之外；可以让线路出故障",
        r"the host is outside this world; who takes its place is decided there": "主机在这个世界之外，换不换由那边决定",
        r"the host is outside this world, and remembers what a snapshot cannot: record it":
            "主机在这个世界之外，快照记不住它所记的：请改用记录",
        r"no such card: (.+); (did you mean .+|one of .+)": "没有这张卡{}；{}",
        r"no such behaviour of the host: (.+)": "主机没有这种表现：{}",
        r"there is a card in the reader already": "读卡器里已有卡",
        r"the wallet says (.+): is the code up at the till\?": "钱包说{}：收款码在柜台上吗？",
        r"slip (\d+): there are (\d+), of which (\d+) are kept": "第{}张签购单：共{}张，留着{}张",
        r"more than (.+) deeds were done; (.+)": "做过的事超过{}件；{}",
        r"more than (.+) went to and from the host; (.+)": "与主机的往来超过{}；{}",
        r"only a younger world can be kept, and reset begins one": "只能保存更年轻的世界，reset 开始新的",
        r"the same deeds did not make the same world: another version, or something from outside":
            "做了同样的事，却不是同一个世界：程序版本不同，或有外来的东西",
        r"there is no world; reset makes one": "没有世界；reset 造一个",
        r"the world is being closed|this world is closed": "世界正在关闭",
        r"(\d+) deeds are waiting already": "已有{}件事在等",
        r"(\w+(?:Error|Exit|Interrupt)|Deadlock): (.+)": "终端程序出错 {}：{}",
        # Scenarios
        r"line (\d+), column (\d+): (.+)": "第{}行第{}列：{}",
        r"line (\d+) \((\S+)\): (.+)": "第{}行（{}）：{}",
        r"line (\d+): a line is `screen: actions`": "第{}行：一行写作 屏幕: 动作",
        r"(\d+) characters; at most (\d+)": "有{}个字符，最多{}个",
        r"no directives": "不用指令（%）",
        r"one scenario a file": "一个文件一个场景",
        r"the file is empty": "文件是空的",
        r"not UTF-8 \(byte (\d+)\)": "不是 UTF-8（第{}字节）",
        r"not YAML: (.+)": "不是 YAML：{}",
        r"more than (\d+) parts": "超过{}个部分",
        r"nested more than (\d+) deep": "嵌套超过{}层",
        r"no aliases \(\*name\)": "不用别名（*名字）",
        r"no anchors \(&name\)": "不用锚（&名字）",
        r"no tags \(!name\)": "不用标签（!名字）",
        r"a name is a word": "名字须是一个词",
        r"(\S+) stands here twice": "{}在此出现两次",
        r"(\S+) is missing": "缺少{}",
        r"steps are a list of 1 to (\d+)": "steps 是1至{}步的列表",
        r"a step is one verb, `remove` or `insert: CARD`": "一步是一个动词，如 remove 或 insert: 卡名",
        r"(\S+) wants something behind it, `\S+: …`": "{}之后须有内容，写作 {0}: …",
        r"no such step: (.+); (did you mean .+|one of .+)": "没有这一步{}；{}",
        r"(\S+) stands alone, without a colon": "{}单独成行，不带冒号",
        r"expect what\? (.+)": "expect 什么？{}",
        r"expect names what it expects": "expect 须说明期待什么",
        r"(a scenario|\S+) is made of: (.+)": "{}由这些组成：{}",
        r"a scenario": "场景",
        r"(a scenario|a text|\S+) has no (.+); (did you mean .+|one of .+)": "{}没有{}；{}",
        r"a text": "文字",
        r"one value, in one piece": "须是一个值，不可分开",
        r"a number without quotes": "须是不带引号的数字",
        r"a list in brackets, of at most (\d+)": "方括号里的列表，最多{}项",
        r"a text in both languages has zh and en": "双语文字须有 zh 与 en",
        r"nothing came (\S+) within (\d+) minutes": "{1}分钟内没有等到{0}",
        r"(.+) is no step that takes time": "{}不是需要时间的一步",
        r"never shown; seen since: (.+)": "一直没有出现；此后见到：{}",
        r"never seen; (.+)": "一直没有见到；{}",
        r"expected (\S+) (.+?); (.+)": "期待{} {}；{}",
        r"there is (\[.*\])": "实际是{}",
        r"there are (\d+)": "实际有{}",
        r"the display (?:says: |shows )(.+)": "屏幕上是：{}",
        r"it was shown": "它出现过",
        r"it is (\S+)": "现在是{}",
        r"nothing was printed": "什么也没有印出",
        r"nothing": "无",
        r"(\d+) slips; the last one:(.+)": "有{}张签购单，最后一张：{}",
        r"no such action: (.+); (did you mean .+|one of .+)": "没有这个动作{}；{}",
        r"(\S+) needs (\d+) word\(s\)": "{}需要{}个词",
        r"(\S+) is not offered": "菜单里没有{}",
        r"the menu has no (\S+)": "菜单里没有{}",
        # The nearest name, and which there are
        r"did you mean (.+?)\? (one of .+)": "是不是 {}？{}",
        r"one of (\d+)": "共有{}个",
        r"one of (.+) and (\d+) more": "可用：{}，另有{}个",
        r"one of (.+)": "可用：{}",
    }
)  # fmt: skip
_PATTERNS: Final = tuple((re.compile(pattern, re.DOTALL), chinese) for pattern, chinese in _ROWS.items())
_ASKED = re.compile(r"\s*([a-zA-Z]{2})(?:-\S*?)?\s*(?:;\s*q=([01](?:\.[0-9]{0,3})?))?\s*")


def in_chinese(reason: str) -> str:
    """The reason in Chinese; as it is, if no row knows it.

    >>> in_chinese("line 3, column 5: no such step: jmp; did you mean jump? one of 31")
    '第3行第5列：没有这一步jmp；是不是 jump？共有31个'
    """
    for pattern, chinese in _PATTERNS:
        if found := pattern.fullmatch(reason):
            return _filled(chinese, [in_chinese(group) for group in found.groups()])
    read, colon, wrong = reason.partition(": ")  # What was read, and what is wrong with it.
    told = in_chinese(wrong) if colon else wrong
    return f"{read}：{told}" if told != wrong else reason


def _filled(chinese: str, parts: list[str]) -> str:
    """{} is the next part, {0} one by its number."""
    places = iter(range(len(parts)))
    return re.sub(r"\{(\d?)\}", lambda place: parts[int(place[1]) if place[1] else next(places)], chinese)


def speaks_chinese(accepted: str) -> bool:
    """Whether an Accept-Language header asks for Chinese rather than English. Spec: RFC 9110 §12.5.4.

    >>> speaks_chinese("zh-CN,zh;q=0.9,en;q=0.8"), speaks_chinese("en, zh;q=0.5"), speaks_chinese("fr")
    (True, False, False)
    """
    weights = {"en": 0.0, "zh": 0.0}
    for each in accepted.split(","):
        if (tag := _ASKED.fullmatch(each)) and tag[1].lower() in weights:
            name = tag[1].lower()
            weights[name] = max(weights[name], float(tag[2] or 1))
    if weights["zh"] == weights["en"]:  # Whoever names both alike has named one first.
        return weights["zh"] > 0 and accepted.lower().find("zh") < accepted.lower().find("en")
    return weights["zh"] > weights["en"]
