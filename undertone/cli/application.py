"""The application ``undertone`` and its commands."""

from __future__ import annotations

from typing import Annotated

import typer

from undertone.cli.alerts import alerts
from undertone.cli.api import api
from undertone.cli.backtest import backtest
from undertone.cli.dead_letters import dead_letters
from undertone.cli.demo import demo
from undertone.cli.doctor import doctor
from undertone.cli.entities import entities
from undertone.cli.explain import explain
from undertone.cli.group import Commands
from undertone.cli.labels import labels
from undertone.cli.produce import produce
from undertone.cli.promotion import models
from undertone.cli.replay import replay
from undertone.cli.rules import rules
from undertone.cli.schemas import schemas
from undertone.cli.score import score
from undertone.cli.system import dashboard, up, watch, worker
from undertone.cli.topics import topics
from undertone.cli.train import train
from undertone.cli.trends import trends

app = typer.Typer(
    name="undertone",
    cls=Commands,
    help="A real-time monitor of financial opinion. Try: undertone demo",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"undertone {version('undertone')}")
        raise typer.Exit


@app.callback()
def _undertone(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


app.command(epilog="Example: undertone demo --headless --until-alert --json")(demo)
app.command(epilog="Example: undertone up --dashboard-port 9000")(up)
app.command(epilog="Example: undertone worker --bootstrap-servers kafka:9092 --redis-url redis://redis:6379/0")(worker)
app.command(epilog="Example: undertone watch --webhook-url https://hooks.example.org/undertone")(watch)
app.command(epilog="Example: undertone dashboard --redis-url redis://redis:6379/0 --port 8501")(dashboard)
app.command(epilog='Example: undertone produce --stream comments "$TSLA looks weak after the recall"')(produce)
app.command(epilog="Example: undertone replay tweets.jsonl.gz --stream comments --source twitter --speed 60")(replay)
app.command(
    epilog="Example: undertone backtest --source scored.parquet --from 2014-02-01 --to 2014-03-01 --out report"
)(backtest)
app.command(epilog='Example: undertone score "Acme cuts its forecast" "Acme wins a contract"')(score)
app.command(epilog='Example: undertone explain "Acme plunges as it warns on profit"')(explain)
app.command(epilog="Example: undertone trends --stream news --entity AAPL --window 1h --json")(trends)
app.add_typer(train, name="train")
app.add_typer(alerts, name="alerts")
app.add_typer(rules, name="rules")
app.add_typer(entities, name="entities")
app.add_typer(topics, name="topics")
app.add_typer(dead_letters, name="dead-letters")
app.add_typer(labels, name="labels")
app.add_typer(models, name="models")
app.add_typer(schemas, name="schemas")
app.add_typer(api, name="api")
app.command(epilog="Example: undertone doctor --bootstrap-servers kafka:9092 --no-embedded")(doctor)
