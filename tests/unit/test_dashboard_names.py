"""Companies by the names that readers know."""

from __future__ import annotations

from pathlib import Path

from dashboard import company_names
from undertone.settings import Settings


def test_a_company_is_named_without_the_marks_of_its_list() -> None:
    assert company_names.name(Settings(), "AAPL") == "Apple"
    assert company_names.name(Settings(), "NOBODY") == ""
    assert company_names.name(Settings(), None) == ""


def test_the_list_of_the_house_goes_before_the_shipped_one_and_a_broken_one_hides_no_page(tmp_path: Path) -> None:
    path = tmp_path / "companies.csv"
    path.write_text("symbol,name,aliases,region\nAAPL,Orchard,,demo\nHLDN,Halden Motors,Halden,demo\n")
    settings = Settings(entities_file=path)
    assert [company_names.name(settings, one) for one in ("AAPL", "HLDN")] == ["Orchard", "Halden Motors"]
    broken = tmp_path / "broken.csv"
    broken.write_text("nothing,of,use\n")
    assert company_names.name(Settings(entities_file=broken), "AAPL") == "Apple"
