"""How things are said to one reader: language, time zone, and figures, times and ages in them. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dashboard.words import Language
from dashboard.words.topics import TOPIC_NAMES
from dashboard.words.units import Units
from undertone.messages import from_ms

_ABOUT_S = (5, 15, 30, 60)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
UTC_NAME = "UTC"


def zone(name: str) -> tzinfo | None:
    """The time zone of this IANA name, None if there is none.

    >>> zone("Asia/Shanghai"), zone("../etc/passwd"), zone("Nowhere/Land")
    (zoneinfo.ZoneInfo(key='Asia/Shanghai'), None, None)
    """
    if name == UTC_NAME:
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


@dataclass(frozen=True, slots=True)
class Locale:
    """One reader's language and zone; ``zone_name`` is one that :func:`zone` knows."""

    language: Language = "en"
    zone_name: str = UTC_NAME
    units: Units = field(init=False, repr=False, compare=False)
    _zone: tzinfo = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "units", Units(self.language))
        object.__setattr__(self, "_zone", zone(self.zone_name) or UTC)

    def at(self, ms: int) -> datetime:
        """The moment in the reader's zone."""
        return from_ms(ms).astimezone(self._zone)

    def offset(self, ms: int) -> str:
        """The zone at a moment, as an offset that means the same to everybody.

        >>> Locale("en", "America/New_York").offset(1392843900000), Locale().offset(0)
        ('UTC−5', 'UTC')
        """
        minutes = self.offset_ms(ms) // 60_000
        if not minutes:
            return UTC_NAME
        sign, (hours, rest) = "+" if minutes > 0 else "−", divmod(abs(minutes), 60)
        return f"{UTC_NAME}{sign}{hours}" + (f":{rest:02d}" if rest else "")

    def offset_ms(self, ms: int) -> int:
        """What the reader's clocks are ahead of UTC at a moment, ms."""
        return int((self.at(ms).utcoffset() or timedelta()).total_seconds()) * 1000

    def moment(self, ms: int, *, year: bool = False, named: bool = True) -> str:
        """A moment to the minute; ``named`` tells the zone, for where nothing beside it does.

        >>> Locale().moment(1392843900000), Locale("zh", "Asia/Shanghai").moment(1392843900000, year=True)
        ('19 Feb 21:05 UTC', '2014年2月20日 05:05 UTC+8')
        """
        return f"{self.date(ms, year=year)} {self.at(ms):%H:%M}" + (f" {self.offset(ms)}" if named else "")

    def date(self, ms: int, *, year: bool = False) -> str:
        """A date.

        >>> Locale().date(1392843900000, year=True)
        '19 Feb 2014'
        """
        at = self.at(ms)
        pattern = self.units.date_year if year else self.units.date
        return pattern.format(day=at.day, month=at.month, name=_MONTHS[at.month - 1], year=at.year)

    def clock(self, ms: int) -> str:
        """Hour and minute.

        >>> Locale("en", "Asia/Kolkata").clock(1392843900000)
        '02:35'
        """
        return f"{self.at(ms):%H:%M}"

    def age(self, ms: float) -> str:
        """A length of time in its largest fitting unit.

        >>> [Locale().age(n * 1000) for n in (0.4, 12, 200, 7200, 259200)]
        ['under 1 s', '12 s', '3 min', '2 h', '3 d']
        """
        seconds, say = ms / 1000, self.units
        if seconds < 1:
            return say.under_a_second
        for unit, size, least in ((say.days, 86_400, 172_800), (say.hours, 3_600, 7_200), (say.minutes, 60, 120)):
            if seconds >= least:
                return unit.format(n=int(seconds // size))
        return say.seconds.format(n=int(seconds))

    def about(self, ms: float) -> str:
        """An age for where it need not be told every second anew: rounded up, from a minute on in whole minutes.

        >>> [Locale().about(n * 1000) for n in (0.4, 12, 59, 61, 200, 7200)]
        ['under 5 s', 'under 15 s', 'under 1 min', '1 min', '3 min', '2 h']
        """
        if ms >= 60_000:
            return self.age(ms) if ms >= 120_000 else self.units.minutes.format(n=1)
        bound = next(one for one in _ABOUT_S if ms < one * 1000)
        return self.units.under.format(age=self.span(bound))

    def span(self, seconds: int) -> str:
        """A window or range, exactly; a single day is said in hours.

        >>> [Locale().span(n) for n in (60, 900, 3600, 86400, 604800)]
        ['1 min', '15 min', '1 h', '24 h', '7 d']
        """
        say = self.units
        for unit, size in ((say.days, 86_400), (say.hours, 3_600), (say.minutes, 60)):
            if seconds % size == 0 and seconds != 86_400 * (size == 86_400):
                return unit.format(n=seconds // size)
        return say.seconds.format(n=seconds)

    def number(self, value: float) -> str:
        """A count with groups, short from a million on.

        >>> [Locale().number(n) for n in (0, 1234, 4.36, 2_500_000)]
        ['0', '1,234', '4.4', '2.5 M']
        """
        if abs(value) >= 1_000_000:
            return self.units.million.format(n=f"{value / 1_000_000:.1f}")
        if isinstance(value, int) or value == int(value):
            return f"{int(value):,}"
        return f"{value:,.1f}"

    def mean(self, value: float) -> str:
        """An expected count; never 0 for what is only rare.

        >>> [Locale().mean(n) for n in (0, 0.037, 0.95, 12.04)]
        ['0', 'under 0.1', '0.9', '12']
        """
        return self.units.almost_none if 0 < value < 0.05 else self.number(round(value, 1))

    def topic(self, name: str) -> str:
        """A topic's name; the shipped task's in the reader's language, others as they are.

        >>> Locale().topic("Fed | Central Banks"), Locale("zh").topic("Macro"), Locale("zh").topic("card_lost")
        ('Fed / Central Banks', '宏观经济', 'card_lost')
        """
        return TOPIC_NAMES[self.language].get(name) or name.replace(" | ", " / ")

    def times(self, ms: int) -> str:
        """The zone that times near a moment are in.

        >>> Locale().times(0), Locale("en", "Asia/Shanghai").times(0)
        ('UTC', 'Asia/Shanghai (UTC+8)')
        """
        offset = self.offset(ms)
        return offset if offset == self.zone_name else f"{self.zone_name} ({offset})"

    def odds(self, p: float) -> str:
        """A tail probability as odds that a person can weigh, in two figures.

        >>> [Locale().odds(p) for p in (0.0003, 1e-9, 0.4)]
        ['1 in 3,300', '1 in over a million', '1 in 2']
        """
        if p < 1e-6:
            return self.units.one_in_million
        return self.units.one_in.format(n=self.number(int(float(f"{int(1 / p):.1e}"))))


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
