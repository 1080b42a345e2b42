"""Every problem that a trade report can have: its stable code and what it means, for /problems/<code>."""

from collections.abc import Mapping

PROBLEM_TYPES: Mapping[str, str] = {
    "malformed-report": (
        "The report is not JSON or a CSV line, lacks a field, has an unknown one, or a value of another type."
    ),
    "broken-encoding": "The text is not valid UTF-8.",
    "missing-column": "The file lacks a column that every report needs.",
    "unknown-column": "The file has a column that no report has, or has one twice.",
    "unknown-participant": "No participant has this code.",
    "inactive-participant": "The participant is not active any more.",
    "infrastructure-party": "The CCP, the CSD and the central bank stand between the traders and do not trade.",
    "unknown-security": "No security has this ISIN or symbol.",
    "isin-check-digit-wrong": "The ISIN's check digit is wrong (ISO 6166).",
    "inactive-security": "The security is not active any more.",
    "unknown-account": "The participant has no securities account of this name.",
    "buyer-is-seller": "Buyer and seller are the same participant.",
    "not-a-party": "The reporter is neither the buyer nor the seller.",
    "not-your-report": "A participant reports for itself only.",
    "wrong-currency": "The security settles in another currency.",
    "quantity-not-in-lots": "The quantity is not a multiple of the security's lot size.",
    "price-out-of-range": "The price is not a positive number with at most six decimal digits, below 10^12.",
    "amount-out-of-range": ("The amount, or quantity times price, is not above zero and at most 10^15 minor units."),
    "trade-date-in-future": "The trade date lies after the business date.",
    "settlement-before-trade-date": "The settlement date lies before the trade date.",
    "settlement-date-is-holiday": "The settlement date is not a business day for payments in the currency.",
    "settlement-date-too-old": "The settlement date lies more than 90 days back, where netting no longer looks.",
    "date-outside-calendar": "The date lies outside the years whose holidays are known.",
    "trade-id-reused": "The reporter has reported another trade under this trade_id.",
    "malformed-order": "The order is not JSON or a form, lacks a field, has an unknown one, or one of another type.",
    "unknown-client": "There is no client with this code, or it is another broker's.",
    "unknown-trader": "The client's broker has no trader with this code.",
    "limit-price-missing": "A limit order names its price.",
    "limit-price-unwanted": "A market order has no limit.",
    "only-gtc-expires": "Only a GTC order has a last day.",
    "expired-already": "The last day of the order is over.",
}
