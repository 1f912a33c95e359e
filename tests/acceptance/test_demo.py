"""The demo as a script runs it: from nothing to an alert with the headlines that prove it, and nothing left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil

from undertone.demo.surge import SURGE_COMPANY
from undertone.embedded import DataFolderLock


def test_the_demo_ends_with_the_alert_on_the_company_that_has_a_bad_hour(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "undertone.cli", "demo", "--headless", "--days", "2", "--until-alert", "--json"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("UNDERTONE_")}
    done = subprocess.run(
        [*command, "--data", str(tmp_path)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    alert = json.loads(done.stdout)
    assert alert["schema_version"] == 1
    assert (alert["entity"], alert["rule"], alert["state"]) == (SURGE_COMPANY, "negative-surge", "firing")
    assert alert["stories"] >= 4
    assert alert["stories"] > alert["expected_high"]
    assert alert["sources"] >= 2
    texts = [one["text"] for one in alert["evidence"]]
    assert len(texts) >= 4
    assert all("Halden" in text or "$HLDN" in text for text in texts)
    assert {one["sentiment"] for one in alert["evidence"]} == {"negative"}

    here = str(tmp_path)
    left = [process for process in psutil.process_iter(["cmdline"]) if here in " ".join(process.info["cmdline"] or ())]
    assert left == []
    with DataFolderLock(tmp_path / "demo"):
        assert not (tmp_path / "demo" / "running.json").exists()
