"""Every screen of the terminal: a frozen value with a name, and how it is laid out in words.

Flows make these values; storyboards and goldens name them; `render.picture` draws them. Texts come from
`terminal.strings`: a `reason`, `what`, `copy`, `step`, `field` or `state` is a word of the phrase table
(its room is named at the class), a full key such as "menu.sale", or plain text that is shown as it is. An
identifier without a phrase raises UnknownPhrase.
"""

from terminal.screens.catalogue.activation import (
    Activated,
    Activating,
    ActivationFailed,
    DownloadFailed,
    Downloading,
    Downloads,
)
from terminal.screens.catalogue.answer import (
    Approved,
    Balance,
    Cancelled,
    CompareSignature,
    Connecting,
    Declined,
    KeepCard,
    NotAnswered,
    NothingSent,
    PartApproved,
    RemoveCard,
    SignOnPad,
    StillDue,
    TryPinAgain,
    Waiting,
    WalletPaid,
)
from terminal.screens.catalogue.bills import BillDifference, BillFailed, Reconciled
from terminal.screens.catalogue.cash import CashChange, CashTendered
from terminal.screens.catalogue.day import (
    ConfirmSettlement,
    HostWay,
    Idle,
    LineAnswer,
    Menu,
    OfferParking,
    PickPayment,
    Received,
    Settled,
    Settling,
    Today,
    TodayRow,
)
from terminal.screens.catalogue.paper import PaperStopped, Printing
from terminal.screens.catalogue.parts import CORNER_CHARACTERS, TALL_PANEL_PX, Screen, rows_a_page
from terminal.screens.catalogue.qr import (
    ASKED_FOR,
    AwaitReceipt,
    BadCode,
    GiveUpOrder,
    NotReceived,
    OrderClosed,
    OrderClosing,
    OrderFound,
    OrderLate,
    QrOnPaper,
    QrUnknown,
    ReceiptFound,
    ReceiptUnreadable,
    RefundOpen,
    SameAmountOpen,
    ScanCode,
    ScanSlip,
    ShowESlip,
    ShowQr,
    ShowStatic,
    WalletPaying,
)
from terminal.screens.catalogue.sale import (
    CardProblem,
    ChooseApplication,
    ChooseMethod,
    ChooseTerms,
    ChooseWallet,
    EnterAmount,
    EnterPin,
    EnterTip,
    InsertCard,
    OfferFallback,
    ReadingCard,
    SwipeCard,
    TypeCardNumber,
    TypeCvv2,
)
from terminal.screens.catalogue.starting import (
    Boot,
    CeremonyProblem,
    ChooseLanguage,
    ConfirmKcv,
    ConfirmTestKeys,
    EnterNumber,
    KeysLoaded,
    NextHolder,
    OperatorPassword,
    SelfTest,
    SignInFailed,
    SigningIn,
    TypeComponent,
)
from terminal.screens.catalogue.trouble import CheckClock, Locked, Problem, Refused, ServiceMode, SignInDue
from terminal.screens.catalogue.undoing import Original, OutcomeUnknown, ReversalDone, ReversalPending, Reversing

__all__ = [
    "ASKED_FOR", "CORNER_CHARACTERS", "TALL_PANEL_PX", "Activated", "Activating", "ActivationFailed", "Approved",
    "AwaitReceipt", "BadCode", "Balance", "BillDifference", "BillFailed", "Boot", "Cancelled", "CardProblem",
    "CashChange", "CashTendered", "CeremonyProblem", "CheckClock", "ChooseApplication", "ChooseLanguage",
    "ChooseMethod", "ChooseTerms", "ChooseWallet", "CompareSignature", "ConfirmKcv", "ConfirmSettlement",
    "ConfirmTestKeys", "Connecting", "Declined", "DownloadFailed", "Downloading", "Downloads", "EnterAmount",
    "EnterNumber", "EnterPin", "EnterTip", "GiveUpOrder", "HostWay", "Idle", "InsertCard", "KeepCard", "KeysLoaded",
    "LineAnswer", "Locked", "Menu", "NextHolder", "NotAnswered", "NotReceived", "NothingSent", "OfferFallback",
    "OfferParking", "OperatorPassword", "OrderClosed", "OrderClosing", "OrderFound", "OrderLate", "Original",
    "OutcomeUnknown", "PaperStopped", "PartApproved", "PickPayment", "Printing", "Problem", "QrOnPaper", "QrUnknown",
    "ReadingCard", "ReceiptFound", "ReceiptUnreadable", "Received", "Reconciled", "RefundOpen", "Refused", "RemoveCard",
    "ReversalDone", "ReversalPending", "Reversing", "SameAmountOpen", "ScanCode", "ScanSlip", "Screen", "SelfTest",
    "ServiceMode", "Settled", "Settling", "ShowESlip", "ShowQr", "ShowStatic", "SignInDue", "SignInFailed",
    "SignOnPad", "SigningIn", "StillDue", "SwipeCard", "Today", "TodayRow", "TryPinAgain", "TypeCardNumber",
    "TypeComponent", "TypeCvv2", "Waiting", "WalletPaid", "WalletPaying", "rows_a_page",
]  # fmt: skip
