"""What is refused in the files of `manage.py optimise`, by name; each message tells file, line and column."""

from reference.refusals import Refusal


class OptimiseRefused(Refusal):
    """The files of a batch cannot be used."""


class FileUnreadable(OptimiseRefused):
    """The file cannot be read."""

    code = "file-unreadable"


class OutputUnwritable(OptimiseRefused):
    """The output cannot be written there."""

    code = "output-unwritable"


class FileEmpty(OptimiseRefused):
    """The file has no header."""

    code = "file-empty"


class EncodingBroken(OptimiseRefused):
    """The text is not UTF-8."""

    code = "encoding-broken"


class LineMalformed(OptimiseRefused):
    """The line is no CSV, or has other columns than the header."""

    code = "line-malformed"


class ColumnMissing(OptimiseRefused):
    """The header lacks a column that must be there."""

    code = "column-missing"


class ColumnRepeated(OptimiseRefused):
    """The header names a column twice."""

    code = "column-repeated"


class CellBlank(OptimiseRefused):
    """A value that must be there is missing."""

    code = "cell-blank"


class NotAnInteger(OptimiseRefused):
    """The value is not a whole number."""

    code = "not-an-integer"


class IntegerOutOfRange(OptimiseRefused):
    """The number, or the sum of numbers that meet in one account, leaves the range of ±(2^62 - 1)."""

    code = "integer-out-of-range"


class IntegerTooSmall(OptimiseRefused):
    """The number is below the least allowed."""

    code = "integer-too-small"


class KindUnknown(OptimiseRefused):
    """The kind is neither dvp nor fop nor pay."""

    code = "kind-unknown"


class FlagUnknown(OptimiseRefused):
    """The flag is neither 0 nor 1."""

    code = "flag-unknown"


class InstructionIdRepeated(OptimiseRefused):
    """The id stands on an earlier line already."""

    code = "instruction-id-repeated"


class PartiesSame(OptimiseRefused):
    """Deliverer and receiver are the same participant."""

    code = "parties-same"


class MinimumAboveQuantity(OptimiseRefused):
    """The smallest part is larger than the whole."""

    code = "minimum-above-quantity"


class LinkUnknown(OptimiseRefused):
    """The instruction is linked with one that is not in the file."""

    code = "link-unknown"


class LinkToItself(OptimiseRefused):
    """The instruction is linked with itself."""

    code = "link-to-itself"


class AccountRepeated(OptimiseRefused):
    """The balance of this participant in this asset stands on an earlier line already."""

    code = "account-repeated"


class CurrencyUnclear(OptimiseRefused):
    """The instructions name no currency, and the balances name several."""

    code = "currency-unclear"


class OptionInvalid(OptimiseRefused):
    """An option has a value that makes no sense."""

    code = "option-invalid"


class OutcomeBroken(OptimiseRefused):
    """The decision breaks a rule of its own input: a fault of the program, so nothing is written."""

    code = "outcome-broken"
