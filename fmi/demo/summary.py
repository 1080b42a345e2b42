"""The report of a run as tables on the terminal."""

from typing import Any

from rich.console import Console
from rich.table import Table


def print_report(*, report: dict[str, Any]) -> None:
    """Print a report of fmi.reports.run_report."""
    console = Console()
    console.print(f"\n[bold]{report['days']} business days, {report['from']} to {report['to']}[/bold]")
    console.print(_pairs("Trades by state", report["trades"]))
    console.print(_pairs("Matches by rule", report["matches"]))
    netting = Table("Currency", "Before netting", "After netting", "Taken away", title="Netting", title_justify="left")
    for code, row in report["netting"].items():
        netting.add_row(code, _money(row["gross_minor"]), _money(row["net_minor"]), f"{row['efficiency']:.2%}")
    console.print(netting)
    settlement = Table("Currency", "Due", "Settled", "By value", "By number", title="Settlement", title_justify="left")
    for code, row in report["settlement"].items():
        settlement.add_row(
            code,
            _money(row["due_minor"]),
            _money(row["settled_minor"]),
            f"{row['by_value']:.2%}",
            f"{row['by_number']:.2%}",
        )
    console.print(settlement)
    console.print(_pairs("Failing at the end, by reason", report["failing"]))
    invariants = Table("Invariant", "Violations", title="Invariants", title_justify="left")
    for name, violations in report["invariants"].items():
        invariants.add_row(name, f"[red]{violations}[/red]" if violations else "[green]0[/green]")
    console.print(invariants)


def _pairs(title: str, pairs: dict[str, int]) -> Table:
    """Return a table of names and counts."""
    table = Table("", "Number", title=title, title_justify="left", show_header=False)
    table.columns[1].justify = "right"
    for name, count in pairs.items():
        table.add_row(name, f"{count:,}")
    return table


def _money(minor: float) -> str:
    """Return minor units of a two-digit currency as people read them."""
    return f"{minor / 100:,.2f}"
