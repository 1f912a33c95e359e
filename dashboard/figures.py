"""How numbers, times and ages are written on the page. Pure: the time comes in."""

from __future__ import annotations

from dashboard.words import EN, Words
from undertone.messages import from_ms

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def moment(ms: int, *, year: bool = False) -> str:
    """Event time to the minute, in UTC and saying so.

    >>> moment(1392843900000), moment(1392843900000, year=True)
    ('19 Feb 21:05 UTC', '19 Feb 2014 21:05 UTC')
    """
    at = from_ms(ms)
    date = f"{at.day} {_MONTHS[at.month - 1]}" + (f" {at.year}" if year else "")
    return f"{date} {at:%H:%M} {EN.utc}"


def age(ms: float, words: Words = EN) -> str:
    """A length of time in its largest fitting unit.

    >>> [age(n * 1000) for n in (0.4, 12, 200, 7200, 259200)]
    ['under 1 s', '12 s', '3 min', '2 h', '3 d']
    """
    seconds = ms / 1000
    if seconds < 1:
        return words.under_a_second
    for unit, size, least in ((words.days, 86_400, 172_800), (words.hours, 3_600, 7_200), (words.minutes, 60, 120)):
        if seconds >= least:
            return unit.format(n=int(seconds // size))
    return words.seconds.format(n=int(seconds))


def span(seconds: int, words: Words = EN) -> str:
    """A window or range, exactly; a single day is said in hours.

    >>> [span(n) for n in (60, 900, 3600, 86400, 604800)]
    ['1 min', '15 min', '1 h', '24 h', '7 d']
    """
    for unit, size in ((words.days, 86_400), (words.hours, 3_600), (words.minutes, 60)):
        if seconds % size == 0 and seconds != 86_400 * (size == 86_400):
            return unit.format(n=seconds // size)
    return words.seconds.format(n=seconds)


def number(value: float) -> str:
    """A count with thin groups, short from a million on.

    >>> [number(n) for n in (0, 1234, 4.36, 2_500_000)]
    ['0', '1,234', '4.4', '2.5 M']
    """
    if abs(value) >= 1_000_000:
        return f"{value / 1_000_000:.1f} M"
    if isinstance(value, int) or value == int(value):
        return f"{int(value):,}"
    return f"{value:,.1f}"


def percent(share: float) -> str:
    """A share, 0..1, in whole per cent.

    >>> percent(0.784)
    '78%'
    """
    return f"{share:.0%}"


def signed(value: float) -> str:
    """Net sentiment with its sign and a real minus.

    >>> [signed(n) for n in (0.314, -0.2, 0.0)]
    ['+0.31', '−0.20', '0.00']
    """
    rounded = round(value, 2)
    return f"{'+' if rounded > 0 else '−' if rounded < 0 else ''}{abs(rounded):.2f}"


def odds(p: float, words: Words = EN) -> str:
    """A tail probability as odds that a person can weigh, in two figures.

    >>> [odds(p) for p in (0.0003, 1e-9, 0.4)]
    ['1 in 3,300', '1 in over a million', '1 in 2']
    """
    if p < 1e-6:
        return words.one_in_million
    return words.one_in.format(n=number(int(float(f"{int(1 / p):.1e}"))))
