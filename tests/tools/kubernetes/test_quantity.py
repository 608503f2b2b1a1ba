"""Quantities are exact, durations are what people write, ages are what kubectl shows."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.errors import BadRequest
from tools.kubernetes.quantity import age, format_age, format_quantity, parse, parse_duration, parse_time, show


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("250m", "0.25"),
        ("2", "2"),
        ("0.5", "0.5"),
        (".5", "0.5"),
        ("1e3", "1000"),
        ("1E3", "1000"),
        ("1E", "1e18"),
        ("512Mi", "536870912"),
        ("1Gi", "1073741824"),
        ("1G", "1000000000"),
        ("128974848", "128974848"),
        ("100n", "1e-7"),
        ("1.5Gi", "1610612736"),
        ("-1", "-1"),
        ("+5k", "5000"),
        ("0", "0"),
        ("3u", "3e-6"),
        ("1Ki", "1024"),
        ("2.Mi", "2097152"),
    ],
)
def test_reading(text: str, value: str) -> None:
    assert parse(text) == Decimal(value)


@pytest.mark.parametrize(
    "text", ["", "m", "1 Gi", "1GB", "1gi", "1K", "1e", "0x10", "1_000", "NaN", "inf", "٣", "1e9999", "--1"]
)
def test_what_is_no_quantity(text: str) -> None:
    with pytest.raises(BadRequest):
        parse(text)


@pytest.mark.parametrize(
    ("value", "family", "text"),
    [
        ("0.25", "decimal", "250m"),
        ("2", "decimal", "2"),
        ("1500", "decimal", "1500"),
        ("2000", "decimal", "2k"),
        ("1610612736", "binary", "1536Mi"),
        ("1073741824", "binary", "1Gi"),
        ("1000", "binary", "1k"),
        ("0", "binary", "0"),
        ("1e-7", "decimal", "100n"),
        ("-0.5", "decimal", "-500m"),
    ],
)
def test_writing(value: str, family: str, text: str) -> None:
    assert format_quantity(Decimal(value), family) == text  # type: ignore[arg-type]


@given(st.integers(min_value=-(10**24), max_value=10**24), st.sampled_from(["binary", "decimal"]))
def test_what_is_written_reads_back_exactly(nano: int, family: str) -> None:
    value = Decimal(nano).scaleb(-9)
    assert parse(format_quantity(value, family)) == value  # type: ignore[arg-type]


def test_telling_people() -> None:
    assert show("cpu", Decimal("0.25")) == "250m CPU"
    assert show("memory", Decimal(512 * 2**20)) == "512 MiB memory"
    assert show("pods", Decimal(3)) == "3 pods"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("10m", 600),
        ("1h30m", 5400),
        ("2d", 172800),
        ("1w", 604800),
        ("45", 45),
        ("500ms", 0.5),
        ("1.5h", 5400),
        ("5 minutes", 300),
        ("1 hour 30 min", 5400),
        ("2 days", 172800),
        ("10M", 600),
        ("0s", 0),
    ],
)
def test_lengths_of_time(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "10x", "ten minutes", "5m later", "-5m", "1h:30", "s"])
def test_what_is_no_length_of_time(text: str) -> None:
    with pytest.raises(BadRequest):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (312, "5m12s"),
        (3600, "60m"),
        (4 * 3600 + 60, "4h1m"),
        (9 * 3600, "9h"),
        (50 * 3600, "2d2h"),
        (30 * 86400, "30d"),
        (800 * 86400, "2y70d"),
        (-5, "0s"),
    ],
)
def test_ages(seconds: float, text: str) -> None:
    assert format_age(seconds) == text


def test_times_of_the_api_in_all_precisions() -> None:
    now = parse_time("2026-11-23T10:00:30Z")
    assert age("2026-11-23T10:00:00Z", now) == "30s"
    assert age("2026-11-23T10:00:00.123456789Z", now) == "29s"
    assert age("2026-11-23T11:00:00.5+01:00", now) == "29s"
    assert age(None) == "unknown"
