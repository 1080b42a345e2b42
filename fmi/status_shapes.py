"""The words, tones and shapes of every state a page can show; `fmi_format.status` draws them."""

from __future__ import annotations

# state -> (word, tone, shape). The shape tells how far along the life is, so that colour is never alone.
STATES = {
    "NEW": ("New", "idle", "ring"),
    "MATCHED": ("Matched", "go", "third"),
    "CLEARED": ("Cleared", "go", "two-thirds"),
    "SETTLED": ("Settled", "good", "done"),
    "CANCELLED": ("Cancelled", "idle", "struck"),
    "CARRIED": ("Rolled on", "idle", "dot"),
    "REJECTED": ("Rejected", "bad", "cross"),
    "EXPIRED": ("Expired", "idle", "dashed"),
    "PENDING": ("Pending", "go", "dot"),
    "FAILING": ("Failing", "bad", "diamond"),
    "LACK": ("Lacks securities", "warn", "diamond"),
    "MONY": ("Lacks cash", "warn", "diamond"),
    "PARTLY": ("Settled in part", "go", "two-thirds"),
    "MINO": ("Below the least part", "warn", "diamond"),
    "LINK": ("Waits for a linked one", "warn", "dot"),
    "CYCL": ("Not in this cycle", "idle", "ring"),
    "PREA": ("On hold", "idle", "bars"),
    "HELD": ("On hold", "idle", "bars"),
    "OPEN": ("Open", "go", "ring"),
    "RELOCATED": ("Owed overnight", "warn", "diamond"),
    "REIMBURSED": ("Reimbursed", "good", "done"),
    "RUNNING": ("Running", "go", "third"),
    "DONE": ("Done", "good", "done"),
    "DUE": ("Due", "idle", "ring"),
    "LATE": ("Late", "warn", "diamond"),
    "ALLEGED": ("Alleged", "warn", "dot"),
    "FAILED": ("Failed", "bad", "cross"),
    "ANNOUNCED": ("Announced", "idle", "ring"),
    "RECORDED": ("Recorded", "go", "two-thirds"),
    "PAID": ("Paid", "good", "done"),
    "PROPOSED": ("Proposed", "warn", "ring"),
    "DECLARED": ("Declared", "bad", "diamond"),
    "SUSPENDED": ("Suspended", "warn", "bars"),
    "AUCTION": ("In auction", "go", "third"),
    "TRANSFERRED": ("Positions moved", "go", "two-thirds"),
    "ALLOCATED": ("Losses allocated", "go", "two-thirds"),
    "CLOSED": ("Closed", "good", "done"),
    "WITHDRAWN": ("Withdrawn", "idle", "struck"),
    "DEFAULTED": ("In default", "bad", "cross"),
    "SOLD": ("Sold", "good", "done"),
    "UNSOLD": ("Not sold", "warn", "dashed"),
    "OFFERED": ("Offered", "go", "ring"),
    "PORTED": ("Ported", "good", "done"),
    "REFUSED": ("Refused", "idle", "cross"),
    "ISSUED": ("Called", "go", "ring"),
    "OVERDUE": ("Overdue", "bad", "diamond"),
    "ACTIVE": ("Active", "good", "done"),
    "TERMINATED": ("Terminated", "idle", "struck"),
    "OK": ("In order", "good", "done"),
}
# Drawn on a field of 14 by 14.
SHAPES = {
    "ring": '<circle cx="7" cy="7" r="5.25" fill="none" stroke="currentColor" stroke-width="1.5"/>',
    "dot": '<circle cx="7" cy="7" r="5.25" fill="none" stroke="currentColor" stroke-width="1.5"/>'
    '<circle cx="7" cy="7" r="2" fill="currentColor"/>',
    "third": '<circle cx="7" cy="7" r="5.25" fill="none" stroke="currentColor" stroke-width="1.5"/>'
    '<path d="M7 7V3.5a3.5 3.5 0 0 1 3.03 5.25z" fill="currentColor"/>',
    "two-thirds": '<circle cx="7" cy="7" r="5.25" fill="none" stroke="currentColor" stroke-width="1.5"/>'
    '<path d="M7 7V3.5a3.5 3.5 0 1 1-3.03 5.25z" fill="currentColor"/>',
    "done": '<path fill-rule="evenodd" fill="currentColor" d="M7 1a6 6 0 1 1 0 12A6 6 0 0 1 7 1z'
    'm3.1 4.2-.9-.9-3 3.05L4.8 5.95l-.9.9 2.3 2.35z"/>',
    "struck": '<circle cx="7" cy="7" r="5.25" fill="none" stroke="currentColor" stroke-width="1.5"/>'
    '<path d="M3.6 10.4l6.8-6.8" stroke="currentColor" stroke-width="1.5"/>',
    "cross": '<path fill-rule="evenodd" fill="currentColor" d="M7 1a6 6 0 1 1 0 12A6 6 0 0 1 7 1z'
    'M5 4.1l-.9.9 2 2-2 2 .9.9 2-2 2 2 .9-.9-2-2 2-2-.9-.9-2 2z"/>',
    "dashed": '<circle cx="7" cy="7" r="5.25" fill="none" stroke="currentColor" stroke-width="1.5"'
    ' stroke-dasharray="2.2 1.92"/>',
    "diamond": '<path d="M7 .9 13.1 7 7 13.1.9 7z" fill="currentColor"/>',
    "bars": '<path d="M4 2.5h2v9H4zM8 2.5h2v9H8z" fill="currentColor"/>',
}
