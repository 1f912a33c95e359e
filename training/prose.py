"""Sentences of financial reporting made by a grammar of our own, with the sentiment that their direction implies.

Labelled tweets and headlines seldom speak as companies do ("Operating profit totalled EUR 4.1 mn, up from …"), and
what a rise means depends on what rises: profit, costs, a loss. The grammar knows that and nothing else; it copies no
data set. Every company in it is invented.
"""

import random
from typing import NamedTuple

NEGATIVE, NEUTRAL, POSITIVE = range(3)


class Sentence(NamedTuple):
    """A text, what it says of its subject, and the characters [start, end) that name the entity judged by `entity`."""

    text: str
    sentiment: int
    entity: int
    start: int
    end: int


_STEMS = """
Alder Arvika Bexley Borealis Brant Calder Corvin Dalby Darrow Elgin Ester Farnow Fenwick Garda Halden Harrow Ilmari
Jarvis Kalix Kestrel Korpela Lindal Lomax Marlow Meridan Nordal Norrby Orvella Ostram Padova Quill Ravel Rinna Sable
Sandor Selwyn Tamro Tarkin Umbra Valmor Vantage Vesper Wexford Yarrow Zephyr
""".split()
_TAILS = """
Group|Holdings|Industries|Systems|Energy|Foods|Bank|Motors|Pharma|Steel|Paper|Telecom|Software|Retail|Logistics|Oyj|plc
|Inc|AB|Corp|Ltd|Technologies|Properties|Insurance|Air|Shipping|Mining|Semiconductor|Healthcare|
""".replace("\n", "").split("|")
_GOOD_WHEN_HIGH = """
net sales|operating profit|net profit|revenue|turnover|pretax profit|earnings per share|order intake|gross margin
|operating income|EBITDA|adjusted profit|order backlog|profit before tax|sales volumes|exports|like-for-like sales
|net interest income|cash flow from operations|market share|passenger numbers|same-store sales|free cash flow
|EBIT|fee income|customer numbers|production|operating margin|return on equity|quarterly earnings|bookings
""".replace("\n", "").split("|")
_BAD_WHEN_HIGH = """
operating costs|costs|net debt|credit losses|impairment charges|write-downs|bad loans|raw material costs|expenses
|non-performing assets|the cost of capital|customer complaints|vacancy rate|churn|restructuring charges|fuel costs
""".replace("\n", "").split("|")
_UP = "rose|increased|grew|climbed|jumped|surged|improved|advanced|went up|edged up|soared|was up".split("|")
_DOWN = "fell|decreased|declined|dropped|slid|shrank|went down|slumped|tumbled|plunged|edged down|was down".split("|")
_FLAT = """
was unchanged|remained flat|was on a par with last year|was in line with the previous year|stayed at the same level
|amounted to|totalled|was
""".replace("\n", "").split("|")
_PERIODS = """
in the first quarter|in the second quarter|in the third quarter|in the fourth quarter|in January-March|in April-June
|in July-September|in the first half|during the year|in the full year|for the quarter|in the nine months to September
|in Q1|in Q2|in Q3|in Q4|last year|year on year|in the reporting period|for the three months to June
""".replace("\n", "").split("|")
_MONEY = ["EUR", "USD", "$", "€", "GBP", "£", "SEK", "Rs", "CHF", "NOK"]
_SCALES = {"mn": " mn", "million": " million", "m": "m", "bn": " bn", "billion": " billion", "crore": " crore"}
_GOODS = """
pumps|ferries|power transformers|network equipment|batteries|mobile phones|lifts|paper machines|medical devices|chips
|software licences|buses|packaging|wind turbines|vaccines|rail cars|data centres|crude carriers|forklifts|sensors
""".replace("\n", "").split("|")
_PLACES = """
Finland|Sweden|Poland|India|China|Brazil|Texas|Ohio|Germany|the Baltic states|Vietnam|Spain|Norway|South Africa|Kenya
|the UK|Japan|Mexico|Indonesia|Canada|the Gulf|Shanghai|Helsinki|Mumbai|London
""".replace("\n", "").split("|")
_ROLES = """
chief executive|chief financial officer|head of strategy|chair of the board|senior vice president|country manager
|director of communications|chief technology officer|member of the board
""".replace("\n", "").split("|")
_PEOPLE = "Anna Lind|R. Mehta|Jussi Aalto|Maria Ortiz|Tom Baker|Wei Chen|Ingrid Dahl|P. Nair|Elena Rossi".split("|")
_SENDERS = "said|reported|announced|said on Tuesday|said in a statement|told Reuters|said today".split("|")

# {c} is the company judged, {o} another one. Amounts, goods and places are filled in.
_GOOD_NEWS = """
{c} has won an order for {goods} worth {m} from {o}.
{c} received a {m} contract to deliver {goods} to {place}.
{c} and {o} have signed a long-term supply agreement for {goods}.
{c} will expand its plant in {place} to meet growing demand.
{c} raises its full-year outlook after a strong {period}.
{c} upgraded its profit guidance.
{c} swung to a profit of {m} from a loss of {m2} a year earlier.
{c}'s loss narrowed to {m} from {m2}.
The loss for the period shrank to {m} from {m2}, {c} {said}.
{c} returned to profit in the {period}.
{c} beats analysts' estimates as demand for {goods} recovers.
{c} shares closed {pct} higher in {place}.
{c} stock hits a record high after results.
{c} has been awarded approval to sell its {goods} in {place}.
The regulator cleared {c}'s new plant in {place}.
{c} proposes a higher dividend of {m} per share.
{c} has strengthened its position in {place} and gained market share.
{c} expects sales to grow by {pct} this year.
The new production line will save {c} some {m} a year.
{c} launches a new generation of {goods} with lower energy use.
Broker lifts {c} to buy from hold, citing improving margins.
{c} says demand is picking up and capacity utilisation is improving.
{c} will hire {n} people in {place} as orders increase.
{c} reduced its debt by {m}, and its rating was raised.
The cooperation gives {c} access to the fast-growing market of {place}.
{c} opens {n} new stores in {place}.
{c} turned profitable for the first time.
{c} won the patent dispute against {o}.
""".strip().splitlines()
_BAD_NEWS = """
{c} will cut {n} jobs in {place}.
{c} issues a profit warning and sees {metric} below last year's level.
{c} lowered its full-year guidance, citing weak demand for {goods}.
{c} swung to a loss of {m} from a profit of {m2} a year earlier.
{c}'s loss widened to {m2} from {m}.
The loss for the period grew to {m2} from {m}, {c} {said}.
{c} posts a pretax loss of {m2}, compared with a profit of {m} last year.
{c} will close its plant in {place} because of overcapacity.
{c} to temporarily lay off {n} employees at its factory in {place}.
{c} misses estimates as costs rise.
{c} shares fell {pct} after the announcement.
{c} stock drops to its lowest level in three years.
{c} recalls {n} {goods} over a safety fault.
Regulators in {place} fined {c} {m} for breaching competition rules.
{o} has sued {c} for {m} in damages over {goods}.
{c} omits its dividend after a weak {period}.
{c} has lost a major customer in {place}.
A strike halted production at {c}'s plant in {place}.
Broker cuts {c} to sell from hold, citing falling prices.
{c} warns that lenders may not extend its loans.
{c} files for protection from creditors.
The order from {o} was cancelled, and {c} writes down {m}.
{c} expects sales to decline by {pct} this year.
{c} says the market for {goods} remains weak and visibility is poor.
{c} was downgraded to junk on its high debt.
{c} delays the start of its plant in {place} by a year.
{c} must repay {m} to customers after an audit found irregularities.
Demand for {goods} has slowed, and {c} will shorten working hours.
""".strip().splitlines()
_NO_NEWS = """
{c} is headquartered in {place} and makes {goods}.
{c} will publish its interim report on {day} at 8.00 a.m.
The value of the deal between {c} and {o} was not disclosed.
{c} has appointed {person} as {role}, effective from {day}.
{person}, {role} of {c}, will retire at the end of the year.
{c} employs {n} people in {place}.
The annual general meeting of {c} will be held on {day}.
{c} has {n} shares, and each carries one vote.
{c} and {o} are in talks about the sale of its business in {place}.
{c} will move its office in {place} to a new building.
The plant in {place} makes {goods} for {c}.
The transaction is subject to approval by the authorities, {c} {said}.
{c} reports its segments as {goods}, services and other operations from this year.
{c} has agreed to buy the {goods} business of {o} for {m}.
{c} sells its {goods} business to {o}.
The contract between {c} and {o} runs until {year}.
{c} is one of several makers of {goods} in {place}.
{c} was founded in {year} and is listed in {place}.
Of the total, {pct} comes from {place} and the rest from other markets, {c} {said}.
{c} {said} that it would issue bonds worth {m} due in {year}.
{c} has transferred {n} of its own shares under its incentive plan.
The company's {metric} for {year} was {m}, according to {c}.
{c} will present its {goods} at the trade fair in {place}.
{c} offers {goods} and related services to customers in {place}.
The board of {c} decided on a new share option scheme.
{c} is studying the building of a plant in {place}, but no decision has been made.
{c} corrects a figure in its release of {day}.
{o} holds {pct} of the shares and votes of {c}.
""".strip().splitlines()
# The entity judged is {c}; the text as a whole says what the last word of the pair says.
_OF_TWO = (
    ("{c} overtakes {o} as the largest maker of {goods}.", POSITIVE, POSITIVE),
    ("{o} overtakes {c} as the largest maker of {goods}.", NEGATIVE, NEUTRAL),
    ("{c} loses market share to {o} in {place}.", NEGATIVE, NEGATIVE),
    ("{o} loses market share to {c} in {place}.", POSITIVE, NEUTRAL),
    ("{c} rises {pct} while {o} falls {pct2}.", POSITIVE, NEUTRAL),
    ("{o} rises {pct} while {c} falls {pct2}.", NEGATIVE, NEUTRAL),
    ("Buy {c}, sell {o}, says broker.", POSITIVE, NEUTRAL),
    ("Buy {o}, sell {c}, says broker.", NEGATIVE, NEUTRAL),
    ("{o} offers {m} for {c}, a premium of {pct}.", POSITIVE, POSITIVE),
    ("{c} drags the index down as {o} gains.", NEGATIVE, NEUTRAL),
    ("{o} drags the index down as {c} gains.", POSITIVE, NEUTRAL),
    ("{c} wins order from {o}.", POSITIVE, POSITIVE),
    ("{o} cancels its order with {c}.", NEGATIVE, NEGATIVE),
)


class Prose:
    """An endless, seeded stream of sentences."""

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)

    def __call__(self) -> Sentence:
        """Return the next sentence: half of them figures, half news in words."""
        kind = self._draw.random()
        if kind < 0.5:
            return self._figures()
        if kind < 0.62:
            pattern, entity, sentiment = self._draw.choice(_OF_TWO)
        else:
            patterns, sentiment = self._draw.choice(
                ((_GOOD_NEWS, POSITIVE), (_BAD_NEWS, NEGATIVE), (_NO_NEWS, NEUTRAL))
            )
            pattern, entity = self._draw.choice(patterns), sentiment
        return self._fill(pattern, sentiment, entity)

    def _figures(self) -> Sentence:
        """What a measure did, in words and figures that agree."""
        draw = self._draw
        higher_is_good = draw.random() < 0.75
        metric = draw.choice(_GOOD_WHEN_HIGH if higher_is_good else _BAD_WHEN_HIGH)
        direction = draw.choice((1, 1, -1, -1, 0))
        old = draw.choice((1, 10, 100)) * draw.uniform(1, 10)
        new = old * (1 + direction * draw.uniform(0.02, 0.6))
        verb = draw.choice(_UP if direction > 0 else _DOWN if direction < 0 else _FLAT)
        now, then, change = *self._two_amounts(new, old), f"{abs(new / old - 1) * 100:.{draw.randrange(2)}f}"
        percent = draw.choice((f"{change}%", f"{change} %", f"{change} pct", f"{change} percent"))
        period = draw.choice(_PERIODS)
        if direction == 0:
            body = draw.choice(
                (
                    f"{verb} {now} {period}",
                    f"{verb} {now} {period}, the same as a year earlier",
                    f"for the period {verb} {now}",
                )
            )
            if verb.startswith(("was un", "rem", "was on", "was in", "stay")):
                body = f"{verb} at {now} {period}"
        else:
            up = "up" if direction > 0 else "down"
            body = draw.choice(
                (
                    f"{verb} {percent} to {now} {period}",
                    f"{verb} to {now} from {then} {period}",
                    f"{verb} {period} to {now}, from {then} a year earlier",
                    f"{verb} by {percent} {period}",
                    f"{verb} to {now}, {up} {percent} on the year",
                    f"totalled {now}, {up} from {then} in the corresponding period",
                    f"was {now} {period}, compared with {then} the year before"
                    if abs(new / old - 1) > 0.2
                    else f"was {now}, {up} {percent}",
                )
            )
        pattern = draw.choice(
            (
                f"{{c}}'s {metric} {body}.",
                f"{metric[0].upper()}{metric[1:]} of {{c}} {body}.",
                f"{{c}} said {metric} {body}.",
                f"{{c}}: {metric} {body}",
                f"{metric[0].upper()}{metric[1:]} {body}, {{c}} {draw.choice(_SENDERS)}.",
            )
        )
        sentiment = NEUTRAL + direction * (1 if higher_is_good else -1)
        return self._fill(pattern, sentiment, sentiment)

    def _two_amounts(self, first: float, second: float) -> tuple[str, str]:
        unit, scale, digits = self._draw.choice(_MONEY), self._draw.choice(list(_SCALES)), self._draw.randrange(3)
        space = "" if unit in "$€£" else " "
        low, high = (f"{unit}{space}{amount:,.{digits}f}{_SCALES[scale]}" for amount in (first, second))
        return low, high

    def _company(self) -> str:
        return f"{self._draw.choice(_STEMS)} {self._draw.choice(_TAILS)}".strip()

    def _fill(self, pattern: str, sentiment: int, entity: int) -> Sentence:
        draw = self._draw
        small = draw.uniform(1, 90)
        m, m2 = self._two_amounts(small, small * draw.uniform(1.2, 4))
        company, other = self._company(), self._company()
        while other.split()[0] == company.split()[0]:
            other = self._company()
        before, _, after = pattern.partition("{c}")
        values = {
            "o": other,
            "c": company,
            "m": m,
            "m2": m2,
            "pct": f"{draw.uniform(1, 30):.1f}%",
            "pct2": f"{draw.uniform(1, 30):.1f} pct",
            "n": f"{draw.randrange(20, 9000):,}",
            "goods": draw.choice(_GOODS),
            "place": draw.choice(_PLACES),
            "period": draw.choice(("quarter", "first half", "second half", "third quarter")),
            "metric": draw.choice(_GOOD_WHEN_HIGH),
            "day": f"{draw.randrange(1, 29)} {draw.choice(('March', 'May', 'August', 'October'))}",
            "year": str(draw.randrange(1950, 2030)),
            "person": draw.choice(_PEOPLE),
            "role": draw.choice(_ROLES),
            "said": draw.choice(_SENDERS),
        }
        head = before.format(**values)
        text = head + company + after.format(**values)
        return Sentence(text, sentiment, entity, len(head), len(head) + len(company))
