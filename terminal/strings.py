"""Every phrase a person sees on the terminal, in both languages: a table, and the one class that reads it.

Chinese is what stands on the payment terminals of Chinese shops; English is plain. A phrase is found by
its key, and a key that is missing is an error, in either language, at once: a blank screen in front of a
customer is worse than a failing test. Where a screen takes a *reason* (why a card was refused, why
nothing can be sold), `about` finds the phrase `<room>.<reason>`; a text that is no identifier (a host's
own words, a card's label) is shown as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from terminal.model import Money

LANGUAGES: Final = ("zh-CN", "en")
_REASON = re.compile(r"[a-z][a-z0-9_-]*\Z")
_KEY = re.compile(r"[a-z][a-z0-9_-]*(\.[a-z0-9_-]+)+\Z")

# key: (zh-CN, en). One phrase a line; a title fits 8 hanzi or 16 letters, the width of the smallest panel.
PHRASES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        # What ✗ (the red key) and ✔ (the green key) do, at the foot of a screen.
        "hint.back": ("✗返回", "✗Back"),
        "hint.cancel": ("✗取消", "✗Cancel"),
        "hint.confirm": ("✔确认", "✔OK"),
        "hint.differs": ("✗不符", "✗Differs"),
        "hint.log_in": ("✔登录", "✔Log in"),
        "hint.menu": ("✔菜单", "✔Menu"),
        "hint.either": ("插卡/刷卡", "Card"),
        "hint.insert": ("请插卡", "Insert"),
        "hint.swipe": ("请刷卡", "Swipe"),
        "hint.continue": ("✔继续", "✔Next"),
        "hint.no": ("✗否", "✗No"),
        "hint.ok": ("✔知道了", "✔OK"),
        "hint.query": ("✔查询", "✔Query"),
        "hint.recover": ("✔恢复", "✔Load"),
        "hint.retry": ("✔重试", "✔Retry"),
        "hint.same": ("✔相符", "✔Same"),
        "hint.set_up": ("✔开始设置", "✔Set up"),
        "hint.settle": ("✔结算", "✔OK"),
        "hint.sign_in": ("✔签到", "✔Sign in"),
        "hint.stop": ("✗取消", "✗Stop"),
        "hint.yes": ("✔是", "✔Yes"),
        # Small words
        "authorisation_code": ("授权码 {code}", "Auth code {code}"),
        "brand": ("掌柜", "掌柜"),
        "items": ("{count}笔", "{count} tx"),
        "page": ("{page}/{pages}", "{page}/{pages}"),
        "product": ("掌柜", "Zhanggui"),
        "seconds": ("{seconds}秒", "{seconds}s"),
        "total": ("合计", "Total"),
        # First run
        "confirm_test_keys.text": (
            "装入公开测试密钥，不得受理真实卡",
            "Load test keys? No real cards!",
        ),
        "confirm_test_keys.title": ("测试密钥", "Test keys"),
        "choose_language.title": ("语言 Language", "语言 Language"),
        "language.en": ("English", "English"),
        "language.zh-CN": ("中文", "中文"),
        "field.clock": ("日期时间", "Date and time"),
        "field.link": ("主机地址", "Host address"),
        "field.merchant_no": ("商户号", "Merchant no."),
        "field.new_operator": ("新操作员号", "New operator"),
        "field.operator": ("操作员号", "Operator no."),
        "field.terminal_no": ("终端号", "Terminal no."),
        "enter.amount": ("请输金额", "Enter amount"),
        "field.auth_code": ("原授权码", "Auth code"),
        "field.host_date": ("原交易日期", "Its date"),
        "field.rrn": ("原参考号", "Ref no."),
        "hint_text.auth_code": ("6位", "6 digits"),
        "hint_text.auth_code_wrong": ("须输满6位", "Needs 6 digits"),
        "hint_text.host_date": ("月日", "MMDD"),
        "hint_text.host_date_wrong": ("日期不对", "Not a date"),
        "hint_text.rrn": ("12位", "12 digits"),
        "hint_text.rrn_wrong": ("须输满12位", "Needs 12 digits"),
        "field.voucher_no": ("原凭证号", "Voucher no."),
        "hint_text.not_found": ("找不到原交易", "Not found"),
        "hint_text.voucher_no": ("最多6位", "Up to 6 digits"),
        "hint_text.clock": ("年月日时分", "YYYYMMDDhhmm"),
        "hint_text.clock_wrong": ("时间不对", "Not a valid time"),
        "hint_text.link": ("▲输. ▼输:", "▲ . ▼ :"),
        "hint_text.link_wrong": ("须为 地址:端口", "Not address:port"),
        "hint_text.merchant_no": ("15位 ▲激活码", "15, or ▲: code"),
        "hint_text.merchant_no_wrong": ("须输满15位", "Needs 15 digits"),
        "hint_text.operator": ("2位", "2 digits"),
        "hint_text.operator_taken": ("此号已有", "Number is taken"),
        "hint_text.operator_wrong": ("须输满2位", "Needs 2 digits"),
        "hint_text.terminal_no": ("8位", "8 digits"),
        "hint_text.terminal_no_wrong": ("须输满8位", "Needs 8 digits"),
        # Activation, downloads
        "activation.asking": ("请稍候", "Asking"),
        "activation.bad_reply": ("主机应答有误", "Bad host reply"),
        "activation.declined": ("激活码无效", "The code is not known"),
        "activation.done": ("请核对商户", "Right merchant?"),
        "activation.failed": ("激活失败", "Not activated"),
        "activation.title": ("终端激活", "Activation"),
        "activation.used": ("激活码已用于其他终端", "Used elsewhere"),
        "download.bad_list": ("内容有误，未采用", "The list is wrong"),
        "download.bad_reply": ("主机应答有误", "Bad host reply"),
        "download.declined": ("主机拒绝下载", "Host declined"),
        "download.old_stays": ("原有内容继续有效", "The old one stays"),
        "download.sign_in": ("请先签到", "Sign in first"),
        "download.too_long": ("内容过长，未采用", "The list is too long"),
        "downloads.all": ("全部下载", "All"),
        "downloading.title": ("正在下载", "Downloading"),
        "field.activation_code": ("激活码", "Activation code"),
        "hint_text.activation_code": ("8-16位", "8-16 digits"),
        "hint_text.activation_code_wrong": ("须为8至16位", "Needs 8-16 digits"),
        "list.aids": ("AID参数", "AIDs"),
        "list.bin_blacklist": ("BIN黑名单", "Bad BINs"),
        "list.blacklist": ("卡黑名单", "Bad cards"),
        "list.ca_keys": ("公钥", "CA keys"),
        "list.card_bins": ("卡BIN", "BINs"),
        "list.no_pin_bins": ("免密BIN", "No PIN"),
        "list.parameters": ("终端参数", "Terminal"),
        "menu.downloads": ("参数下载", "Downloads"),
        # Loading keys
        "load_keys.title": ("装入密钥", "Load keys"),
        "next_holder.text": ("请第{number}分量持有人登录", "Holder of part {number}: log in"),
        "component.title": ("分量{number}/{count}", "Part {number}/{count}"),
        "component.keys": ("▲再按1-6=A-F", "▲ then 1-6: A-F"),
        "component.letter": ("▲后只能按1-6", "After ▲ only 1-6"),
        "component.group": ("第{group}组，共{groups}组", "Group {group} of {groups}"),
        "kcv.component": ("分量{number}校验值", "Part {number}: KCV"),
        "kcv.key": ("主密钥校验值", "Key: KCV"),
        "kcv.compare": ("请与纸上核对", "As on the paper?"),
        "kcv.short": ("分量{number}", "Part {number}"),
        "kcv.parity": ("{count}字节偶", "{count} even"),
        "ceremony.identical": ("与前一分量相同，请重输", "Same part twice. Type another"),
        "ceremony.incomplete": ("分量未输完", "Part is incomplete"),
        "ceremony.bad_block": ("主机密钥校验错", "The host's key is wrong"),
        "ceremony.host_refused": ("主机不予下载", "The host gives no key"),
        "ceremony.no_answer": ("主机无应答,请重试", "No answer: try again"),
        "ceremony.not_allowed": ("此密钥不准装入", "This key is not allowed here"),
        "ceremony.parity": ("密钥奇偶校验错误", "Key has bad parity"),
        "ceremony.same_holder": ("同一人不得输入两个分量", "Another holder must log in"),
        "ceremony.stopped": ("已中止，分量已清除", "Stopped. All parts are wiped"),
        "ceremony.weak": ("弱密钥，已清除", "Weak key. All parts are wiped"),
        "ceremony.zero": ("分量不能全为零", "A part may not be all zeros"),
        "keys_loaded.title": ("密钥已装入", "Keys loaded"),
        "keys_loaded.then": ("请签到", "Sign in next"),
        # Self-test
        "boot.title": ("正在启动", "Starting"),
        "self_test.title": ("自检", "Self-test"),
        "check.buzzer": ("蜂鸣器", "Buzzer"),
        "check.clock": ("时钟", "Clock"),
        "check.config": ("配置", "Settings"),
        "check.display": ("显示屏", "Display"),
        "check.files": ("程序文件", "Files"),
        "check.journal": ("流水", "Journal"),
        "check.keypad": ("键盘", "Keypad"),
        "check.keys": ("密钥", "Keys"),
        "check.lamps": ("指示灯", "Lamps"),
        "check.link": ("通讯", "Link"),
        "check.printer": ("打印机", "Printer"),
        "check.reader": ("读卡器", "Card reader"),
        "check.scanner": ("扫码器", "Scanner"),
        "check.tamper": ("防拆", "Case switch"),
        "check.unsealed": ("文件封存", "Files sealed"),
        # Operator and sign-in
        "operator_password.label": ("{operator}号操作员", "Operator {operator}"),
        "operator_password.title": ("请输密码", "Password"),
        "password_problem.locked": ("错误过多，请稍后", "Too many tries"),
        "password_problem.differs": ("两次不一致", "They differ"),
        "password_problem.new": ("请设新密码", "New password"),
        "password_problem.repeat": ("请再输一次", "Once more"),
        "password_problem.short": ("密码太短", "Too short"),
        "password_problem.unknown": ("无此操作员", "No such operator"),
        "password_problem.wrong": ("密码错误", "Wrong password"),
        "signing_in.text": ("正在签到", "Signing in"),
        "sign_in_failed.title": ("签到失败", "No sign-in"),
        "sign_in_failed.bad_keys": ("工作密钥校验失败，已全部作废", "Bad keys: all discarded"),
        "sign_in_failed.bad_reply": ("主机应答有误", "Bad host reply"),
        "sign_in_failed.batch": ("批次不符，请先结算", "Batch differs: settle first"),
        "sign_in_failed.declined": ("主机拒绝", "Host refused"),
        "sign_in_failed.no_keys": ("没有主密钥", "No master key"),
        "operator.added": ("操作员已添加", "Operator added"),
        "role.administrator": ("管理员", "Administrator"),
        "role.cashier": ("收银员", "Cashier"),
        "role.supervisor": ("主管", "Supervisor"),
        # Idle and menus
        "idle.pending": ("待冲正{count}笔", "{count} pending"),
        "idle.menu": ("▲▼菜单", "▲▼Menu"),
        "idle.sell": ("输金额收款", "Key amount"),
        "idle.service": ("请联系服务商", "Call service"),
        "mode.blank": ("未初始化", "Not set up"),
        "mode.keyed": ("未签到", "Signed out"),
        "mode.locked": ("已锁定", "Locked"),
        "mode.settling": ("结算中", "Settling"),
        "mode.signed-in": ("已签到", "Signed in"),
        "menu.main": ("菜单", "Menu"),
        "menu.add_operator": ("新增操作员", "Add operator"),
        "menu.cash": ("现金收款", "Cash"),
        "menu.language": ("语言 Language", "语言 Language"),
        "menu.load_keys": ("装入密钥", "Load keys"),
        "menu.locked": ("已锁定", "Locked"),
        "menu.operator": ("更换操作员", "Operator"),
        "menu.reprint": ("重打印", "Reprint"),
        "menu.reversal": ("发送冲正", "Send reversal"),
        "menu.role": ("权限", "May do"),
        "menu.sale": ("消费", "Sale"),
        "menu.self_test": ("自检", "Self-test"),
        "menu.service": ("检修", "Service"),
        "menu.set_clock": ("设置时间", "Set clock"),
        "menu.settlement": ("结算", "Settlement"),
        "menu.test_keys": ("公开测试密钥", "Test keys"),
        "menu.host_key": ("主机下载主密钥", "Key from host"),
        "menu.three_components": ("三个分量", "Three parts"),
        "menu.two_components": ("两个分量", "Two parts"),
        "menu.sign_in": ("签到", "Sign in"),
        "menu.sign_out": ("签退", "Sign out"),
        "menu.sales": ("消费类", "Sales"),
        "menu.preauth": ("预授权类", "Pre-auths"),
        "menu.other": ("其他", "Other"),
        "menu.points-refund": ("积分退货", "Points refund"),
        "menu.transactions": ("交易", "Transactions"),
        "menu.void": ("撤销", "Void"),
        "menu.auth": ("预授权", "Pre-auth"),
        "menu.auth-void": ("预授权撤销", "Cancel auth"),
        "menu.balance": ("余额查询", "Balance"),
        "menu.completion": ("预授权完成", "Complete auth"),
        "menu.points": ("积分消费", "Points sale"),
        "menu.repayment": ("信用卡还款", "Card repayment"),
        "menu.signature": ("签名不符", "Bad signature"),
        "menu.refund": ("退货", "Refund"),
        "menu.today": ("今日流水", "Today"),
        "menu.query": ("查询", "Query"),
        "menu.restart": ("重新启动", "Restart"),
        "query.none": ("没有待查订单", "No open orders"),
        # A sale
        "choose_method.title": ("付款方式", "Pay by"),
        "method.card": ("银行卡", "Card"),
        "method.cash": ("现金", "Cash"),
        "method.qr-scanned": ("扫付款码", "Scan code"),
        "method.qr-shown": ("出示收款码", "Show QR"),
        "card.insert": ("请插卡", "Insert card"),
        "card.either": ("插卡或刷卡", "Insert or swipe"),
        "card.swipe": ("请刷卡", "Swipe card"),
        "offer_fallback.title": ("芯片读不出", "Chip unread"),
        "offer_fallback.text": ("改刷磁条？", "Swipe instead?"),
        "reading_card.text": ("正在读卡", "Reading card"),
        "reading_card.stay": ("请勿取卡", "Leave it in"),
        "choose_application.title": ("请选应用", "Choose one"),
        "choose_application.again": ("请另选应用", "Try another"),
        "enter_pin.title": ("请输密码", "Enter PIN"),
        "enter_pin.last": ("最后一次", "Last try"),
        "enter_pin.tries": ("还可试{count}次", "{count} tries left"),
        "enter_pin.wrong": ("密码错误", "Wrong PIN"),
        "connecting.title": ("正在连接", "Connecting"),
        "waiting.title": ("请稍候", "Please wait"),
        "what.host_key": ("正在下载主密钥", "Fetching key"),
        "what.host": ("等待主机应答", "Host is asked"),
        "what.qr_close": ("正在关闭订单", "Closing order"),
        "what.qr_order": ("正在生成订单", "Making order"),
        "what.qr_pay": ("正在扣款", "Charging"),
        "what.qr_query": ("正在查询订单", "Asking host"),
        "what.reversal": ("正在冲正", "Reversing"),
        "what.sale": ("等待主机应答", "Authorising"),
        "what.settlement": ("正在结算", "Settling"),
        "what.sign_in": ("正在签到", "Signing in"),
        "approved.title": ("交易成功", "Approved"),
        "declined.title": ("交易失败", "Declined"),
        "declined.settling": ("主机拒绝结算", "Settlement refused"),
        "remove_card.text": ("请取卡", "Remove card"),
        "try_pin_again.text": ("密码错误", "Wrong PIN"),
        "try_pin_again.then": ("请重新输入", "Try again"),
        "card_problem.title": ("卡片问题", "Card problem"),
        "card_problem.another_card": ("请刷同一张卡", "Swipe that same chip card"),
        "card_problem.bad_data": ("卡数据有误，请换卡", "Bad card data. Use another card"),
        "card_problem.bad_stripe": ("磁条读不出，请重刷", "Stripe unread. Swipe again"),
        "card_problem.blocked": ("卡已锁定，请换卡", "Card is blocked. Use another card"),
        "card_problem.chip_card_swiped": ("芯片卡请插卡", "It has a chip: insert it"),
        "card_problem.declined": ("卡片拒绝，请换卡", "Card declined. Use another"),
        "card_problem.mute": ("读不到芯片，请重新插卡", "No chip found. Insert again"),
        "card_problem.not_accepted": ("不受理此卡，请换卡", "Card not accepted"),
        "card_problem.reader_lost": ("读卡器断开，请检查连线", "Reader lost. Check its cable"),
        "card_problem.other_card": ("不是原交易的卡", "Not the card of that sale"),
        "card_problem.removed": ("卡片已取出，交易取消", "Card removed. Sale cancelled"),
        "card_problem.upside_down": ("芯片朝上，重新插卡", "Turn the card: chip up"),
        # What undoes an earlier transaction
        "kind_name.auth": ("预授权", "Pre-auth"),
        "kind_name.auth-void": ("授权撤销", "Cancel"),
        "kind_name.balance": ("余额查询", "Balance"),
        "kind_name.completion": ("授权完成", "Complete"),
        "kind_name.completion-void": ("完成撤销", "Void"),
        "kind_name.instalment": ("分期消费", "Instalment"),
        "kind_name.instalment-void": ("分期撤销", "Void"),
        "kind_name.points": ("积分消费", "Points"),
        "kind_name.points-refund": ("积分退货", "Refund"),
        "kind_name.points-void": ("积分撤销", "Void"),
        "kind_name.refund": ("退货", "Refund"),
        "kind_name.repayment": ("还款", "Repayment"),
        "kind_name.repayment-void": ("还款撤销", "Void"),
        "kind_name.sale": ("消费", "Sale"),
        "kind_name.void": ("撤销", "Void"),
        "compare_signature.title": ("核对签名", "Signature?"),
        "balance.title": ("账户余额", "Balance"),
        "outcome_unknown.title": ("结果未知勿重做", "Do not repeat"),
        "outcome_unknown.text": ("请联系收单方", "Outcome unknown"),
        # Reversal, nothing sent
        "reversing.title": ("正在冲正", "Reversing"),
        "reversing.text": ("交易结果不明", "Outcome unknown"),
        "reversal_pending.title": ("冲正未完成", "Not reversed"),
        "reversal_pending.text": ("待冲正{count}笔，联网后自动发送", "{count} pending, sent when online"),
        "reversal_done.title": ("已冲正", "Reversed"),
        "reversal_done.text": ("交易未成功", "Nobody paid"),
        "nothing_sent.title": ("未发出", "Not sent"),
        "nothing_sent.paid": ("未扣款", "Unpaid"),
        # Why the host was not reached, or its answer is of no use (LinkFault's values, and ours)
        "fault.broken": ("通讯中断", "Link broken"),
        "fault.foreign": ("应答不符", "Not our answer"),
        "fault.garbled": ("主机应答有误", "Bad host reply"),
        "fault.overdue": ("主机无应答", "Host silent"),
        "fault.refused": ("主机拒绝连接", "Host refused the link"),
        "fault.silent": ("主机无应答", "Host silent"),
        "fault.timeout": ("主机无应答", "Host silent"),
        "fault.tls": ("安全连接失败", "TLS failed"),
        "fault.tls-date": ("证书日期不符，请检查时间", "Bad TLS date: check the clock"),
        "fault.unauthenticated": ("应答校验失败", "False host reply"),
        "fault.unreachable": ("网络不通", "Network down"),
        # Paper
        "printing.title": ("正在打印", "Printing"),
        "copy.cardholder": ("持卡人联", "Cardholder copy"),
        "copy.merchant": ("商户联", "Merchant copy"),
        "copy.qr": ("收款码", "QR code"),
        "copy.reprint": ("重打印", "Reprint"),
        "copy.self_test": ("自检单", "Self-test slip"),
        "copy.settlement": ("结算单", "Settlement slip"),
        "paper_stopped.title": ("打印停止", "Print stopped"),
        "paper.cover-open": ("请合上纸仓盖", "Close the cover"),
        "paper.low": ("纸将用尽", "Paper is low"),
        "paper.offline": ("打印机未连接", "Printer offline"),
        "paper.ok": ("打印机就绪", "Printer ready"),
        "paper.out": ("缺纸，请装纸", "Out of paper. Load a roll"),
        # QR
        "show_qr.caption": ("请扫码", "Scan me"),
        "show_qr.too_big": ("二维码过大，请打印", "QR too big: print it"),
        "qr_on_paper.title": ("请扫小票", "Scan slip"),
        "scan_code.title": ("请扫付款码", "Scan code"),
        "bad_code.title": ("付款码无效", "Not a pay code"),
        "bad_code.badge": ("这是工牌，请扫付款码", "A staff badge. Scan a pay code"),
        "bad_code.broken": ("二维码内容有误", "The code is broken"),
        "bad_code.check_digit": ("条码误读，请重扫", "Misread. Scan again"),
        "bad_code.consumer": ("收单方不支持此付款码", "This pay code is not accepted"),
        "bad_code.coupon": ("这是优惠券，请扫付款码", "A coupon. Scan a pay code"),
        "bad_code.expired": ("付款码已过期，请刷新", "Code expired. Refresh it"),
        "bad_code.goods": ("这是商品条码，请扫付款码", "A product. Scan a pay code"),
        "bad_code.member": ("这是会员码，请扫付款码", "A member code. Scan a pay code"),
        "bad_code.merchant": ("这是收款码，请扫付款码", "A shop's code. Scan a pay code"),
        "bad_code.not_payment": ("不是付款码，请重扫", "Wrong code. Scan again"),
        "bad_code.prepaid": ("这是储值卡码，请扫付款码", "A prepaid card. Scan a pay code"),
        "bad_code.unreadable": ("读不出，请重扫", "Unreadable. Scan again"),
        "bad_code.used": ("付款码已使用，请刷新", "Code was used. Refresh it"),
        "wallet_paying.title": ("顾客支付中", "Phone pays"),
        "qr_unknown.title": ("结果不明", "Outcome unknown"),
        "qr_unknown.text": ("单号 {order_no}", "No. {order_no}"),
        "order_closed.title": ("订单已关闭", "Order closed"),
        "order_closed.text": ("未收款", "Not paid"),
        # Cash
        "cash_tendered.title": ("实收现金", "Cash received"),
        "cash.due": ("应收 {amount}", "Due {amount}"),
        "cash.tendered": ("实收 {amount}", "Got {amount}"),
        "cash_change.title": ("找零", "Change"),
        # The day
        "today.title": ("今日", "Today"),
        "today.none": ("今日无交易", "No sales today"),
        "kind.card": ("卡", "Cd"),
        "kind.cash": ("现", "Cs"),
        "kind.qr": ("码", "QR"),
        "kind.qr-scanned": ("码", "QR"),
        "kind.qr-shown": ("码", "QR"),
        "kind.sale": ("卡", "Cd"),
        "state.abandoned": ("✗", "✗"),
        "state.approved": ("✔", "✔"),
        "state.completed": ("✔", "✔"),
        "state.declined": ("✗", "✗"),
        "state.new": ("…", "…"),
        "state.offline-approved": ("✔", "✔"),
        "state.requested": ("？", "？"),
        "state.reversed": ("✗", "✗"),
        "state.reversing": ("？", "？"),
        "state.settled": ("✔", "✔"),
        "state.unknown": ("？", "？"),
        "state.voided": ("✗", "✗"),
        "confirm_settlement.title": ("确认结算", "Settle"),
        "settling.title": ("正在结算", "Settling"),
        "step.close": ("关闭批次", "Closing batch"),
        "step.print": ("打印结算单", "Printing slip"),
        "step.recover": ("处理未完交易", "Open sales"),
        "step.reversals": ("发送冲正", "Reversals"),
        "step.reversal": ("发送冲正", "Reversals"),
        "step.totals": ("上送总额", "Sending totals"),
        "step.upload": ("上送明细", "Sending sales"),
        "settled.balanced": ("结算平账", "Balanced"),
        "settled.unbalanced": ("结算不平", "Mismatch"),
        # Trouble
        "cancelled.title": ("交易已取消", "Cancelled"),
        "check_clock.title": ("请核对时间", "Check the clock"),
        "locked.call": ("找服务商", "Call help"),
        "locked.title": ("终端已锁定", "Locked"),
        "locked.tamper": ("机壳被打开，密钥已销毁", "Case was opened. Keys destroyed"),
        "locked.files": ("程序被改动，密钥已销毁", "Program changed. Keys destroyed"),
        "locked.keys-gone": ("密钥已销毁", "Keys destroyed"),
        "refused.title": ("不能交易", "Not possible"),
        "refused.adjusted": ("原交易已调整", "It has been adjusted"),
        "refused.already_completed": ("预授权已完成", "Completed already"),
        "refused.no_balance": ("发卡行未返回余额", "No balance was given"),
        "refused.not_signed": ("上一笔不是签名交易", "Last sale was not signed"),
        "refused.unsigned_stands": ("签名不符未撤销，请再撤销", "Not voided yet: try again"),
        "refused.not_whole": ("须撤销全额", "The whole sum only"),
        "refused.over_authorised": ("超出预授权限额", "Over the authorised sum"),
        "refused.over_original": ("退货超出原金额", "More than was paid"),
        "refused.already_voided": ("原交易已撤销", "It is voided already"),
        "refused.not_voidable": ("此交易不能撤销", "It cannot be voided"),
        "refused.original_settled": ("原交易已结算，请退货", "It is settled: refund it"),
        "refused.amount_limit": ("超出限额", "Amount over limit"),
        "refused.amount_zero": ("金额不能为零", "Amount is zero"),
        "refused.batch_full": ("流水已满，请结算", "Batch is full: settle first"),
        "refused.busy": ("设备忙", "Device busy"),
        "refused.locked": ("终端已锁定", "Terminal locked"),
        "refused.no_keys": ("没有密钥，请签到", "No keys: sign in"),
        "refused.no_printer": ("打印机未就绪", "Printer not ready"),
        "refused.no_reader": ("读卡器未就绪", "Reader not ready"),
        "refused.no_scanner": ("扫码器未就绪", "Scanner not ready"),
        "refused.no_slip": ("无可重打单据", "No slip to reprint"),
        "refused.nothing_to_settle": ("无可结算交易", "Nothing to settle"),
        "refused.not_administrator": ("仅限管理员", "Admins only"),
        "refused.not_supervisor": ("须由主管操作", "Supervisors only"),
        "refused.open_payments": ("有未完成交易", "A sale is still open"),
        "refused.pin_rate": ("输密过于频繁，请稍后", "Too many PINs. Wait a while"),
        "refused.reversal_pending": ("有未完成冲正", "A reversal is still open"),
        "refused.service": ("检修中，暂停交易", "Service: sales are off"),
        "refused.settling": ("结算未完成", "Settlement not finished"),
        "refused.sign_in": ("请先签到", "Sign in first"),
        "refused.tendered_short": ("实收不足", "Not enough cash"),
        "refused.lists": ("请先下载参数", "Load the lists first"),
        "refused.uploads_full": ("待上送已满，请结算", "Too much waits: settle first"),
        "sign_in_due.no-keys": ("尚无工作密钥", "No working keys yet"),
        "sign_in_due.kcv": ("密钥校验不符", "A check value was wrong"),
        "sign_in_due.77": ("主机批次不符", "Host lost the batch"),
        "sign_in_due.99": ("密码格式错", "PIN format error"),
        "sign_in_due.A0": ("报文校验错", "MAC failed"),
        "sign_in_due.header": ("主机要求签到", "The host wants it"),
        "sign_in_due.settled": ("已结算", "After settlement"),
        "sign_in_due.signed-out": ("已签退", "Signed out"),
        "sign_in_due.age": ("密钥已过一天", "Keys are a day old"),
        "sign_in_due.changed": ("程序或配置已变", "Program or set-up changed"),
        "sign_in_due.tamper": ("密钥已重装", "Keys were loaded anew"),
        "sign_in_due.new-tmk": ("主密钥已更换", "A new master key"),
        "sign_in_due.signing-in": ("签到未完成", "Sign-in was interrupted"),
        "what.upload": ("正在上送", "Uploading"),
        "refused.too_late": ("已发送，不能取消", "Sent: too late to cancel"),
        "service_mode.title": ("检修状态", "Service"),
        "service_mode.crashes": ("反复重启，暂停交易", "Keeps crashing. Sales are off"),
        "service_mode.journal": ("流水损坏，暂停交易", "Journal damaged. Sales are off"),
        "service_mode.self_test": ("自检失败，请重启", "Self-test failed. Restart"),
        "service_mode.keys": ("密钥损坏，暂停交易", "Keys damaged. Sales are off"),
        "problem.title": ("故障", "Problem"),
    }
)


class UnknownPhrase(KeyError):
    """A phrase that is not in the table: a fault of our own, found by a test or at once."""


class Words:
    """The phrases of one language. Raises ValueError for a language that is not one of LANGUAGES.

    >>> Words("zh-CN")["card.insert"], Words("en").say("seconds", seconds=58)
    ('请插卡', '58s')
    """

    __slots__ = ("language", "_column", "_table")

    def __init__(self, language: str, table: Mapping[str, tuple[str, str]] = PHRASES) -> None:
        if language not in LANGUAGES:
            raise ValueError(f"no such language: {language!r}; there are {', '.join(LANGUAGES)}")
        self.language = language
        self._column = LANGUAGES.index(language)
        self._table = table

    def __getitem__(self, key: str) -> str:
        try:
            return self._table[key][self._column]
        except KeyError:
            raise UnknownPhrase(key) from None

    def __contains__(self, key: str) -> bool:
        return key in self._table

    def say(self, key: str, **values: str | int) -> str:
        """The phrase with its {names} filled in. Raises UnknownPhrase, KeyError for a name not given."""
        return self[key].format(**values)

    def about(self, room: str, reason: str) -> str:
        """The phrase `<room>.<reason>`; a reason that is a full key or plain text is taken as that.

        Raises UnknownPhrase for an identifier that has no phrase: a code word never reaches the glass.

        >>> Words("en").about("paper", "cover-open"), Words("en").about("paper", "Printer on fire")
        ('Close the cover', 'Printer on fire')
        """
        if f"{room}.{reason}" in self._table:
            return self[f"{room}.{reason}"]
        if _REASON.match(reason):
            raise UnknownPhrase(f"{room}.{reason}")
        return self.phrase(reason)

    def phrase(self, text: str) -> str:
        """A full key ("menu.sale") becomes its phrase; any other text is shown as it is."""
        return self[text] if _KEY.match(text) else text

    def money(self, amount: Money) -> str:
        """The amount with its currency's sign, never abbreviated.

        >>> Words("zh-CN").money(Money(12850))
        '¥128.50'
        """
        sign = "-" if amount.amount_minor < 0 else ""
        return f"{sign}{amount.currency.sign}{str(amount).lstrip('-')}"
