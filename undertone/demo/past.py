"""What happened in the weeks before: six events, and what the people of the demo did about them. Data only.

One of them is a false alarm on purpose: a game about bankruptcy, whose reviews sound like bad news.
"""

from __future__ import annotations

from undertone.demo.episodes import ANNA, BEN, Deed, Episode
from undertone.lifecycle import Action
from undertone.messages import Sentiment

STRANDED = Episode(
    company="KRSW",
    days_ago=25,
    hour=9,
    minutes=90,
    per_minute=1.1,
    talk=0.5,
    price=-0.05,
    slots={
        "fault": (
            "a booking failure",
            "a failed software update",
            "an outage of its check-in",
            "a power cut at its hub",
        ),
        "place": ("Oslo", "Madrid", "Dublin", "Zurich", "Vienna", "Lisbon", "Athens"),
        "harm": (
            "families sleep at the gates",
            "a crew runs out of hours",
            "thousands miss connections",
            "bags pile up",
        ),
        "cost": ("60 million", "a month's profit", "85 million", "40 million"),
    },
    news=(
        "{c} cancels {n} flights after {fault}",
        "{c} passengers stranded in {place} as {harm}",
        "{c} shares drop {p}%, {fault} may cost {cost}",
        "Regulator in {place} threatens {c} with a fine over {fault}",
        "{c} apologises as {harm} in {place}",
        "{broker} cuts {c} to sell, puts the damage at {cost}",
        "Passengers in {place} sue {c} after {fault}",
        "{c} warns of a loss in {unit}, blames {fault}",
        "Union of {c} crews: {fault} was ignored for {n} weeks",
        "Airports in {place} and {city} turn {c} passengers away, {harm}",
    ),
    comments=(
        "Stuck in {place} with ${s} since {n} hours, {harm}. Never again.",
        "${s} hotline dead, {harm}. Terrible airline. {mood}",
        "Sold ${s} at a loss, {fault} will cost {cost}. {mood}",
        "${s} cannot run its own computers, {harm} in {place}. Awful.",
        "Weak management at ${s}, {fault} was bound to fail. {mood}",
        "${s} falls {p}% and nobody answers in {place}. Shame.",
        "Refund from ${s}? Forget it, {harm} and they hide. {mood}",
    ),
    deeds=(
        Deed(6, Action.ACKNOWLEDGE, ANNA, "looking into it"),
        Deed(9, Action.COMMENT, ANNA, "Their status page confirms the outage. Real, but one day's news."),
    ),
)
APPROVAL = Episode(
    company="CTRX",
    days_ago=19,
    hour=13,
    minutes=80,
    per_minute=1.2,
    talk=0.5,
    price=0.17,
    slots={
        "drug": ("its asthma drug", "its lead antibody", "its once-weekly injection", "the inhaler"),
        "place": ("Switzerland", "Canada", "Japan", "Sweden", "Australia", "Spain"),
        "gain": ("1.1 billion a year", "a market of two million patients", "peak sales of 900 million"),
    },
    news=(
        "{c} wins approval for {drug} in {place}",
        "{c} shares jump {p}% as regulators clear {drug}",
        "{broker} lifts {c} to buy, sees {gain} for {drug}",
        "{c} beats the standard treatment with {drug}, strong data from {place}",
        "Doctors in {place} welcome {drug} by {c}",
        "{c} signs a supply deal in {city} for {drug}, {gain}",
        "{c} hits a record high, {drug} opens {gain}",
        "Hospitals in {place} to pay for {drug} from {c}",
    ),
    comments=(
        "${s} approved, finally! {gain}. {mood}",
        "Holding ${s} since {day}, {drug} is a great success. {mood}",
        "${s} up {p}% and I am not selling, {gain}. {mood}",
        "Congratulations ${s}, {drug} helps people in {place}.",
        "Bullish on ${s}, {drug} beats everything in the class. {mood}",
        "Added ${s} at {n}, strong label for {drug}. {mood}",
    ),
    deeds=(Deed(15, Action.COMMENT, BEN, "Good news for once: an approval. Nothing to do."),),
)
TRIAL = Episode(
    company="TLSN",
    days_ago=14,
    hour=11,
    minutes=120,
    per_minute=1.5,
    talk=0.45,
    price=-0.21,
    slots={
        "trial": ("its heart study", "the late-stage trial", "the pivotal study", "its trial of 4,000 patients"),
        "place": ("Basel", "Boston", "Copenhagen", "Lyon", "Milan", "Toronto", "Kyoto"),
        "harm": ("liver damage in two patients", "no benefit over a placebo", "serious side effects", "three deaths"),
        "cost": ("a write-down of 1.4 billion", "800 million of lost sales", "2,000 jobs", "its whole pipeline"),
    },
    news=(
        "{c} halts {trial} after {harm}",
        "{c} plunges {p}% as {trial} fails, {cost} at stake",
        "{broker} cuts {c} to sell on {harm}, fears {cost}",
        "Regulator in {place} asks {c} about {harm}",
        "{c} withdraws its forecast after {trial} shows {harm}",
        "Lawyers in {place} gather {c} investors over {harm}",
        "{c} to close a site in {city}, {trial} ends in failure",
        "Rating agency downgrades {c}, {cost} in doubt",
        "{c} knew of {harm} for {n} weeks, former researcher in {place} says",
        "Patients' group in {place} accuses {c} of hiding {harm}",
        "{c} bonds slump as {trial} collapses",
        "{c} chief scientist resigns after {trial} reports {harm}",
    ),
    comments=(
        "${s} trial is dead, {harm}. Dumped everything. {mood}",
        "${s} down {p}% and falling, {cost} gone. {mood}",
        "{harm} and ${s} says nothing for {n} days. Shameful.",
        "Who still holds ${s} after {trial}? Terrible. {mood}",
        "Short ${s}, lawsuits from {place} come next. {mood}",
        "Lost a year's savings on ${s}, {trial} failed. Awful.",
        "${s} pipeline is empty now, {cost}. Weak board. {mood}",
    ),
    deeds=(
        Deed(3, Action.ACKNOWLEDGE, BEN, "on it"),
        Deed(5, Action.ASSIGN, BEN, "health care is hers", to=ANNA),
        Deed(12, Action.COMMENT, ANNA, "Position halved. The write-down is not in the consensus yet."),
    ),
)
GAME = Episode(
    company="WVLY",
    days_ago=9,
    hour=14,
    minutes=90,
    per_minute=1.1,
    talk=0.55,
    price=0.03,
    slots={
        "trick": (
            "hostile takeovers",
            "margin calls",
            "bank runs",
            "fraud trials",
            "mass layoffs",
            "surprise lawsuits",
        ),
        "place": ("Cologne", "Seattle", "Tokyo", "Malmo", "Montreal", "Utrecht"),
        "crash": ("a stock market crash", "a ruined factory", "a default on every loan", "a bankrupt railway"),
    },
    news=(
        "{c} game 'Bankrupt!' lets players lose everything in {crash}",
        "'Bankrupt!' by {c}: {trick}, losses and {crash} on one board",
        "Collapse for the whole family: {c} shows {crash} at a fair in {place}",
        "{c} 'Bankrupt!' adds {trick} for {n} players",
        "Players in {place} suffer {trick} in {c} 'Bankrupt!'",
        "Worst day ever, every round: {c} 'Bankrupt!' reviewed in {place}",
        "{c} 'Bankrupt!' ends in {crash} after {n} minutes, testers in {place} say",
    ),
    comments=(
        "Went bankrupt {n} times in the ${s} game tonight, {trick} everywhere. {mood}",
        "${s} 'Bankrupt!' is brutal: {trick}, then {crash}. {mood}",
        "My sister ruined me with {trick} in the ${s} game. {mood}",
        "Lost the company, the house and {crash} to my kids, thanks ${s}. {mood}",
        "${s} 'Bankrupt!' night in {place}: {n} rounds of {trick} and losses.",
        "Default, lawsuit, {crash}: a normal round of the ${s} game. {mood}",
    ),
    deeds=(
        Deed(11, Action.COMMENT, ANNA, "These are reviews of a board game called 'Bankrupt!'."),
        Deed(14, Action.WRONG, ANNA, "a game, not a company in trouble", sentiment=Sentiment.NEUTRAL),
    ),
)
OUTAGE = Episode(
    company="BRWK",
    days_ago=5,
    hour=10,
    minutes=90,
    per_minute=1.2,
    talk=0.6,
    price=-0.04,
    slots={
        "fault": ("its app is down", "card payments fail", "salaries do not arrive", "transfers vanish for hours"),
        "place": ("Leeds", "Cork", "Ghent", "Porto", "Bergen", "Turin"),
        "harm": ("customers queue at the branches", "shops refuse its cards", "tills go cash only", "rents bounce"),
        "cost": ("a fine of 30 million", "claims of 12 million", "the licence of its payment unit"),
    },
    news=(
        "{c} customers locked out as {fault}",
        "{c} outage: {harm} in {place}",
        "Watchdog in {place} warns {c}, {cost} possible",
        "{c} shares fall {p}% while {fault}",
        "{c} cannot say when {fault} will end, {harm}",
        "{broker} downgrades {c}, counts {cost}",
        "Fraud attempts on {c} customers in {place} as {fault}",
        "{c} blames a supplier in {city}, {harm}",
    ),
    comments=(
        "${s} app dead, {harm} here in {place}. What a mess.",
        "Cannot pay my rent, {fault}. Leaving ${s} today.",
        "${s} is a joke, {fault} again. Terrible bank. {mood}",
        "Sold ${s}, {cost} is coming. {mood}",
        "Day ruined by ${s}: {harm}, hotline dead.",
        "${s} loses my salary for {n} hours and hides. Awful. {mood}",
        "Is ${s} in trouble? {harm} in {place}, nobody explains. Worried.",
    ),
    deeds=(
        Deed(4, Action.ACKNOWLEDGE, BEN, "checking with the desk"),
        Deed(31, Action.RESOLVE, BEN, "An outage, and it is over: no run on the bank."),
    ),
)
STRIKE = Episode(
    company="NWYK",
    days_ago=2,
    hour=7,
    minutes=90,
    per_minute=1.0,
    talk=0.35,
    price=-0.06,
    slots={
        "port": ("Rotterdam", "Santos", "Busan", "Durban", "Antwerp", "Piraeus"),
        "harm": ("fresh fruit rots on the quay", "ships turn away", "containers pile up", "car plants wait for parts"),
        "cost": ("90 million a week", "a quarter's profit", "contracts worth 300 million"),
    },
    news=(
        "Strike halts {c} terminals in {port}, {harm}",
        "{c} loses {cost} to the walkout, shares down {p}%",
        "{c} diverts {n} ships from {port} as {harm}",
        "Talks between {c} and dockers in {port} collapse",
        "{broker} cuts {c}, strike may cost {cost}",
        "Customers of {c} cancel bookings through {port}, {harm}",
        "{c} warns of delays of {n} days, {harm} in {port}",
        "Court in {city} rejects {c} plea against the strike",
    ),
    comments=(
        "${s} strike gets worse, {harm}. {mood}",
        "My container sits in {port} with ${s}, {harm}. Terrible.",
        "Selling ${s}, {cost} lost and no deal. {mood}",
        "${s} treats dockers badly and pays now: {cost}. {mood}",
        "Weak answer from ${s} to {port}, shares fall {p}%. {mood}",
    ),
    deeds=(Deed(8, Action.ACKNOWLEDGE, ANNA, "strike in the ports, known since the weekend"),),
)

PAST = (STRANDED, APPROVAL, TRIAL, GAME, OUTAGE, STRIKE)
