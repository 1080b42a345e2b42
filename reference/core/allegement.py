"""When an unmatched report or instruction is alleged to its counterparty: CSDR RTS (EU) 2018/1229 Article 11. Pure."""

from datetime import date, datetime, time, timedelta

from reference.core.calendar import BUSINESS_ZONE

# Sweeps come at least every half hour, so that half an hour's patience keeps the hour of Article 11.
ALLEGED_AFTER = timedelta(minutes=30)
AT_ONCE_BEFORE_CUT_OFF = timedelta(hours=5)
CUT_OFF = time(16)


def latest_date_at_once(*, at: datetime, business_date: date, cut_off: time = CUT_OFF) -> date:
    """Return the latest intended settlement date of what is alleged at once rather than within the hour.

    At once: in the last five hours before the cut-off (Central European time) of the intended date, and after it.
    """
    closes = datetime.combine(business_date, cut_off, tzinfo=BUSINESS_ZONE)
    return business_date if at >= closes - AT_ONCE_BEFORE_CUT_OFF else business_date - timedelta(days=1)
