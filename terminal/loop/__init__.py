"""The loop: one firmware-style scheduler in integer milliseconds, and the few things a flow may ask of it.

A flow is a coroutine that awaits small requests (*syscalls*) and receives values. It never touches a device,
a clock, a socket or a random source itself, so the same flow runs in real time on a terminal and in virtual
time in the simulator. Everything a task can wait for is level-triggered: a task is woken when one of its
sources *may* be ready, and the decision is made when it is stepped, in argument order. Ties are therefore
never decided by accident.

What comes unasked (keys, scans, card presence, frames) enters through `Loop.post`, the only thread-safe door.

Rules, each with a test:
- `Race` takes mailboxes and sleeps, never an `Offload`: a lost race cannot stop a blocked read.
- Nothing ready, no timer, no call outstanding and no outside source: that is a deadlock and raises at once.
- An exception that no task catches stops the loop; the supervisor restarts the process and recovery runs.
- Cancelling is `Task.close()`, synchronous; so no `await` in a `finally`.
"""

from terminal.loop.scheduler import DRAW_LIMIT_BYTES, INBOX_LIMIT, STEP_LIMIT, Loop
from terminal.loop.syscalls import (
    MAILBOX_LIMIT,
    CallOverdue,
    Commit,
    Deadlock,
    Draw,
    Instant,
    LoopError,
    Mailbox,
    Now,
    Offload,
    Race,
    Sleep,
    Spawn,
    Syscall,
    Task,
    Wait,
)

__all__ = [
    "CallOverdue",
    "Commit",
    "DRAW_LIMIT_BYTES",
    "Deadlock",
    "Draw",
    "INBOX_LIMIT",
    "Instant",
    "Loop",
    "LoopError",
    "MAILBOX_LIMIT",
    "Mailbox",
    "Now",
    "Offload",
    "Race",
    "STEP_LIMIT",
    "Sleep",
    "Spawn",
    "Syscall",
    "Task",
    "Wait",
]
