"""Times as files carry them: ISO 8601 text in UTC on one side, milliseconds since 1970 on the other."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def iso_utc(milliseconds: int) -> str:
    """Writes a time as `2025-02-05T23:08:58.101000+00:00`; 0, which files use for "not known", becomes "".

    Args:
        milliseconds: since 1970-01-01 UTC.

    Raises:
        ValueError: if the time lies outside the years 1 to 9999.
    """
    if milliseconds == 0:
        return ""
    try:
        return (_EPOCH + timedelta(milliseconds=milliseconds)).isoformat(timespec="microseconds")
    except OverflowError as error:
        raise ValueError(f"{milliseconds} ms since 1970 is no date") from error


def milliseconds_of(iso: str) -> int:
    """Reads an ISO 8601 time back, UTC if it names no zone; "" and what is no time give 0 (not known)."""
    try:
        moment = datetime.fromisoformat(iso)
    except ValueError:
        return 0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(milliseconds=1)
