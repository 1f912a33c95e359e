"""The sentences of the quiet days: invented companies, our own templates. Data only.

No company here exists. A template's polarity is what an investor would feel, so that quiet days have both kinds.
"""

from __future__ import annotations

COMPANIES: tuple[tuple[str, str, str], ...] = (
    # symbol, name, short name
    ("HLDN", "Halden Motors", "Halden"),
    ("VRDA", "Verdanta Energy", "Verdanta"),
    ("QNTX", "Quantixa Semiconductors", "Quantixa"),
    ("BRWK", "Brackwell Bank", "Brackwell"),
    ("OSTR", "Ostrava Cloud", "Ostrava Cloud"),
    ("MRVF", "Merivale Foods", "Merivale"),
    ("TLSN", "Tellison Pharma", "Tellison"),
    ("KRSW", "Kerswell Airlines", "Kerswell"),
    ("DNMR", "Dunmarrow Mining", "Dunmarrow"),
    ("PLXA", "Plexara Networks", "Plexara"),
    ("SNDB", "Sandbrook Retail", "Sandbrook"),
    ("AXLN", "Axelonne Robotics", "Axelonne"),
    ("GRVH", "Gravenholt Insurance", "Gravenholt"),
    ("NWYK", "Newyck Shipping", "Newyck"),
    ("CTRX", "Cetrixa Biotech", "Cetrixa"),
    ("FLRN", "Florinda Cosmetics", "Florinda"),
    ("ZPHY", "Zephyrine Wind", "Zephyrine"),
    ("ORLN", "Orlenska Steel", "Orlenska"),
    ("TMBR", "Timberlane Homes", "Timberlane"),
    ("VXIO", "Voxio Media", "Voxio"),
    ("RDGE", "Ridgemoor Rail", "Ridgemoor"),
    ("LMNA", "Luminara Optics", "Luminara"),
    ("CBLT", "Cobaltine Batteries", "Cobaltine"),
    ("HRTW", "Hartwane Logistics", "Hartwane"),
    ("PYLN", "Paylanta Payments", "Paylanta"),
    ("SKYF", "Skyfarer Hotels", "Skyfarer"),
    ("NTRO", "Nitrovia Chemicals", "Nitrovia"),
    ("ELMR", "Elmarra Software", "Elmarra"),
    ("WVLY", "Wavely Games", "Wavely"),
    ("ABRN", "Aberlorne Distillers", "Aberlorne"),
    ("MDVX", "Medivox Devices", "Medivox"),
    ("TRNC", "Trancora Telecom", "Trancora"),
    ("GLBX", "Glaubex Capital", "Glaubex"),
    ("SLTN", "Saltenna Water", "Saltenna"),
    ("DRVN", "Drivana Mobility", "Drivana"),
    ("PRXM", "Proxima Aerostructures", "Proxima Aero"),
    ("BNTA", "Bonnetta Apparel", "Bonnetta"),
    ("AGRV", "Agrivelle Farms", "Agrivelle"),
    ("CRDN", "Cordonne Security", "Cordonne"),
    ("LQDN", "Liquidane Gas", "Liquidane"),
)

NEWS_SOURCES = ("demo-wire", "demo-markets-desk", "demo-business-daily", "demo-newsroom", "demo-exchange-notices")
COMMENT_SOURCES = ("demo-board", "demo-social")

SLOTS: dict[str, tuple[str, ...]] = {
    "quarter": ("first-quarter", "second-quarter", "third-quarter", "fourth-quarter", "half-year", "full-year"),
    "region": ("Europe", "North America", "Asia", "Latin America", "the Nordics", "the Gulf", "Indochina", "India"),
    "city": ("Rotterdam", "Lyon", "Toledo", "Gdansk", "Monterrey", "Penang", "Leeds", "Valencia", "Osaka", "Perth"),
    "broker": (
        "Ashdown Research", "Kestrel Partners", "Marlowe Securities", "Northgate Equity", "Pinecrest Markets",
        "Sutter Lane", "Tidewater Analysts", "Wexcombe Brokers",
    ),
    "unit": (
        "its industrial unit", "the consumer arm", "its services division", "the licensing business", "its online shop",
        "the leasing unit", "its export business", "the maintenance contracts", "its flagship line", "the data unit",
    ),
    "person": (
        "Ana Lindqvist", "Tomas Berger", "Priya Raman", "Helen Okafor", "Marc Dubreuil", "Yuki Tanabe",
        "Sofia Marchetti", "Daniel Aske", "Ingrid Solheim", "Omar Haddad", "Grace Whitlock", "Pavel Novotny",
    ),
    "post": ("chief financial officer", "head of strategy", "chair of the board", "chief technology officer",
             "operations chief", "general counsel", "head of sales", "chief executive"),
    "product": (
        "a subscription for small firms", "a cheaper entry model", "a new payment app", "its second-generation sensor",
        "a loyalty programme", "a recycling service", "an online configurator", "a compact charger", "a data dashboard",
        "a same-day delivery option", "an open interface for developers", "a redesigned catalogue",
    ),
    "day": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday"),
    "view": (
        "ahead of the investor day", "after a visit to the plant", "on valuation grounds", "citing order trends",
        "before the results", "after talks with management", "on its cash flow", "in a note on the sector",
        "after the guidance", "with an eye on margins", "citing peers", "on a longer horizon",
    ),
    "why_up": (
        "as demand holds up", "on brisk export orders", "after costs came down", "thanks to a better product mix",
        "as new contracts start", "on stronger pricing", "helped by a weak comparison", "as supply normalises",
        "with bookings at a record", "after a strong holiday season", "as repeat customers return", "on lower freight",
    ),
    "why_down": (
        "as orders slow", "on weak demand", "after a soft month", "as costs rise", "because of delays at suppliers",
        "as rivals cut prices", "after a cautious outlook", "on currency losses", "as customers wait",
        "after a warning from a peer", "with inventories high", "as energy bills climb",
    ),
    "tail": (
        "", "", "", "", "", ", filing shows", ", sources say", ", company says", " - trade paper", ", notes show",
        ", according to a memo", ", people familiar say", ", union says", ", regulator confirms", ", survey finds",
        " this week", " before the close", " in early trading", " at midday", " late in the session",
    ),
    "mood": (
        "Not advice.", "What do you all think?", "Long term this is fine.", "Watching the volume.", "Just my view.",
        "Chart looks clean.", "Small position only.", "Been holding since spring.", "Anyone else see this?",
        "Patience.", "Reading the filing tonight.", "No rush here.", "My stop is tight.", "Let the quarter speak.",
    ),
}  # fmt: skip

Templates = tuple[str, ...]

NEWS: dict[str, tuple[Templates, Templates, Templates]] = {
    # topic: (negative, neutral, positive)
    "Analyst Update": (
        ("{broker} cuts {c} to sell {view}", "{broker} downgrades {c}, target down to {n} from {m} {why_down}"),
        (
            "{broker} starts {c} at hold with a target of {n} {view}",
            "{c}: {broker} keeps its rating, target {n} {view}",
        ),
        ("{broker} upgrades {c} to buy {view}", "{broker} lifts its target on {c} to {m} from {n} {why_up}"),
    ),
    "Fed | Central Banks": (
        ("Central banker warns that rate cuts are further off {why_down}",),
        (
            "Policymakers keep the key rate at {p}% and wait for data on {day}",
            "Minutes show a split over {n} basis points among rate setters{tail}",
            "Deputy governor {person} says policy depends on wages in {region}",
        ),
        ("Rate setters signal a cut of {n} basis points as inflation eases in {region}",),
    ),
    "Company | Product News": (
        ("{c} delays {product} by a quarter {why_down}",),
        (
            "{c} shows {product} at a fair in {city}",
            "{c} tests {product} with {n} customers in {region}{tail}",
            "{c} moves {unit} to a new site in {city}",
        ),
        ("{c} launches {product} in {region} to strong early orders", "{c} wins award for {product} in {city}"),
    ),
    "Treasuries | Corporate Debt": (
        ("Spreads widen in {region} as investors sell lower-rated bonds {why_down}",),
        (
            "{c} prices a {n}-year bond at {p}%{tail}",
            "Ten-year yield stands at {p}% after the auction on {day}",
            "{c} extends its credit line of {m} million with banks in {city}",
        ),
        ("{c} repays {m} million of debt early {why_up}", "Rating agency raises {c} one notch {view}"),
    ),
    "Dividend": (
        ("{c} cuts its payout to {n} cents a share {why_down}",),
        ("{c} goes ex-dividend on {day}, {n} cents a share", "{c} keeps its interim dividend at {n} cents{tail}"),
        ("{c} raises its dividend by {p}% {why_up}", "{c} adds a special dividend of {n} cents {why_up}"),
    ),
    "Earnings": (
        (
            "{c} misses {quarter} estimates {why_down}",
            "{c} posts a {quarter} loss of {m} million in {unit} {why_down}",
        ),
        (
            "{c} reports {quarter} revenue of {m} million, in line with forecasts{tail}",
            "{c} to publish {quarter} figures on {day}, call at {n} past the hour",
        ),
        (
            "{c} beats {quarter} estimates {why_up}",
            "{c} {quarter} profit rises {p}% {why_up}",
            "{c} raises its forecast for {unit} {why_up}",
        ),
    ),
    "Energy | Oil": (
        ("Oil falls {p}% {why_down} in {region}",),
        (
            "Crude stocks change by {n} million barrels in the week to {day}",
            "Gas storage in {region} is {n}% full{tail}",
            "Refiners in {city} plan {n} days of maintenance",
        ),
        ("Oil gains {p}% on supply talks in {region}{tail}",),
    ),
    "Financials": (
        ("Lenders in {region} set aside {m} million more for bad loans {why_down}",),
        ("Banks in {city} report {n}% of loans on variable rates{tail}", "{c} opens a treasury desk in {city}"),
        ("Insurers in {region} post better margins {why_up}",),
    ),
    "Currencies": (
        ("Euro slips to a {n}-week low against the dollar {why_down}",),
        (
            "Dollar index moves {p}% before data from {region}",
            "Yen trades in a narrow range after {day}'s fixing{tail}",
        ),
        ("Sterling climbs {p}% {why_up}",),
    ),
    "General News | Opinion": (
        ("Storm closes {n} ports in {region} and disrupts freight{tail}",),
        (
            "Opinion: what {person} would tell savers in {region}",
            "Five things to know before the open on {day} in {city}",
            "How {n} families in {city} plan their budgets{tail}",
        ),
        ("Tourism in {region} recovers to {n}% above last year{tail}",),
    ),
    "Gold | Metals | Materials": (
        ("Copper drops {p}% {why_down} at smelters in {region}",),
        ("Gold holds near its {n}-day average before {day}", "Nickel stocks in {city} stand at {m} thousand tonnes"),
        ("Gold rises {p}% as buyers in {region} return{tail}",),
    ),
    "IPO": (
        ("{person}'s start-up shelves its listing in {city} {why_down}",),
        ("Maker of {product} sets a price range of {n} to {m} for its listing in {city}",),
        ("Shares of a listing in {city} jump {n}% on their first day {why_up}",),
    ),
    "Legal | Regulation": (
        ("{c} faces a lawsuit over a contract in {city}{tail}",),
        (
            "Regulator asks {n} firms in {region} for comments on reporting rules",
            "Court in {city} hears {c} and a supplier on {day} over patents",
        ),
        ("{c} settles a dispute in {city} and wins approval for {product}",),
    ),
    "M&A | Investments": (
        ("Deal of {c} and a rival in {region} collapses {why_down}",),
        ("{c} takes a stake of {p}% in a firm from {city}{tail}", "{c} reviews options for {unit}{tail}"),
        ("{c} sells {unit} for {m} million, more than expected {why_up}",),
    ),
    "Macro": (
        ("Factory output in {region} shrinks {p}% {why_down}",),
        ("Inflation in {region} comes in at {p}%, as forecast for the month", "Jobless rate in {region} is {p}%{tail}"),
        ("Retail sales in {region} grow {p}% {why_up}",),
    ),
    "Markets": (
        ("Stocks in {region} fall {p}% {why_down}",),
        ("Stocks in {city} trade mixed before data on {day}{tail}", "Volume in {region} is {n}% below its average"),
        ("Shares in {region} rally {p}% {why_up}",),
    ),
    "Politics": (
        ("Talks on the budget in {region} stall over {m} million{tail}",),
        ("Parliament in {city} votes on {day} on a bill by {person}", "Minister {person} visits plants in {region}"),
        ("Lawmakers in {region} agree on {m} million for grids{tail}",),
    ),
    "Personnel Change": (
        ("{c} {post} {person} resigns after {n} months{tail}",),
        ("{c} names {person} {post}{tail}", "{person} joins {c} from {broker} as {post}"),
        ("{c} wins {person} as {post}, investors welcome the choice",),
    ),
    "Stock Commentary": (
        ("Why {c} looks expensive {view}",),
        ("Three charts on {c} {view}", "{c} or its peers? {broker} compares {unit}"),
        ("Why {c} looks strong {view}",),
    ),
    "Stock Movement": (
        ("{c} shares fall {p}% {why_down}", "{c} drops {p}% in {city} trading {why_down}"),
        ("{c} little changed after {n} minutes of trading{tail}", "{c} trades at {n}, volume average on {day}"),
        ("{c} shares rise {p}% {why_up}", "{c} jumps {p}% in {city} trading {why_up}"),
    ),
}

COMMENTS: tuple[Templates, Templates, Templates] = (
    (
        "${s} looks weak here, {why_down}. {mood}",
        "Sold half of my ${s} at {n}, I expect it falls further {why_down}. {mood}",
        "${s} margins in {unit} worry me {view}. {mood}",
    ),
    (
        "${s} call is on {day}, I want to hear about {unit}. {mood}",
        "Does anybody know how big {unit} is for ${s} in {region}? {mood}",
        "${s} sits between {n} and {m} since {day}. {mood}",
        "Comparing ${s} with ${o} {view}. {mood}",
        "Read the {quarter} report of ${s} on the train from {city}. {mood}",
    ),
    (
        "${s} quietly gains {why_up}. {mood}",
        "Added ${s} at {n}, {product} could surprise {view}. {mood}",
        "Strong {quarter} for ${s}, bullish into {day}. {mood}",
    ),
)

DETAILS: Templates = (
    "; {broker} sees little effect on {region}",
    " while {region} waits for {day}",
    "; {person} speaks in {city} on {day}",
    ", the {n}th such case in {region}",
    "; {broker} expects calm until {day}",
    ", as {person} had hinted in {city}",
    "; details follow on {day} in {city}",
    ", a person close to {broker} says",
    " as peers in {region} take note",
    "; {unit} is not affected, {person} says",
    ", {n} weeks after a first report from {city}",
    "; trade group in {region} to comment on {day}",
)
"""What half of the quiet news say besides, so that few of them are told in nearly the same words."""
