"""docs/reference/metrics.md, the alert rules and the dashboard, held against `/metrics` of a real house."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.notifications.conftest import Watch
from tests.support.house import LOOPBACK, House
from tests.support.lanes import Lane
from tests.support.serving import Client
from tests.support.waiting import until
from waypost.access import operator

ROOT = Path(__file__).parents[2]
RULES = yaml.safe_load((ROOT / "deploy" / "prometheus" / "waypost-alerts.yml").read_text())
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "waypost.json").read_text())
PAGE = (ROOT / "docs" / "reference" / "metrics.md").read_text()

PROMETHEUS_OWN = {"job", "instance"}
FUNCTIONS = {
    "absent", "delta", "histogram_quantile", "increase", "label_values", "max", "rate", "sum",
    "and", "by", "on",
}  # fmt: skip

ALERTS = [rule for group in RULES["groups"] for rule in group["rules"]]
PANELS = DASHBOARD["panels"]
QUERIES: list[str] = [
    *(rule["expr"] for rule in ALERTS),
    *(target["expr"] for panel in PANELS for target in panel["targets"]),
    *(each["query"] for each in DASHBOARD["templating"]["list"] if each["type"] == "query"),
]
SHOWN = [
    *((rule["expr"], text) for rule in ALERTS for text in rule["annotations"].values()),
    *((target["expr"], target["legendFormat"]) for panel in PANELS for target in panel["targets"]),
]

Exposed = dict[str, set[str]]
"""The labels of each series by its name."""


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What a house says in which something of every kind has happened."""
    place = tmp_path_factory.mktemp("scraped")
    with House(place, allowed_networks=LOOPBACK, retry_schedule=(3600,)) as house:
        watch = Watch(house)
        watch.set_up(webhook={"url": "http://127.0.0.1:9/"})
        with Lane(house, endpoint="http://127.0.0.1:9/", name="Ward of Doctor Secret") as lane:
            lane.send(1)
            lane.until("held")
            assert house.call("POST", "/endpoint", {}, by="source").status == 400
            watch.later(301)
            until(lambda: watch.notices("queue.held")[0]["deliveries"][0]["attempts"] == 1, "a failed notice")
            there = house.environments["Development"]
            house.run(house.waypost.engine.quotas.change(operator("quotas set"), there, {"pendingLogs": 1}))
            assert house.call("POST", "/endpoint", lane.body(2), by="source").status == 429
            yield Client(house.port)("GET", "/metrics").body.decode()


@pytest.fixture(scope="module")
def series(scraped: str) -> Exposed:
    found: Exposed = {}
    for family in text_string_to_metric_families(scraped):
        for sample in family.samples:
            if not sample.name.endswith("_created"):
                found.setdefault(sample.name, set()).update(sample.labels)
    return found


def metrics_of(query: str) -> set[str]:
    return set(re.findall(r"\bwaypost_\w+", query))


def labels_of(query: str) -> set[str]:
    """The labels of selectors and of aggregations, roughly."""
    selected = [
        text for inside in re.findall(r"\{([^}]*)\}", query) for text in re.findall(r"(\w+)\s*[=!]", inside)
    ]
    grouped = [name for inside in re.findall(r"\b(?:by|on)\s*\(([^)]*)\)", query) for name in inside.split(",")]
    return {name.strip() for name in [*selected, *grouped] if name.strip()}


def documented() -> dict[str, tuple[str, set[str]]]:
    """Type and labels of each metric on the page."""
    rows = re.findall(r"^\| `(waypost_\w+)` \| (\w+) \| ([^|]+) \|", PAGE, re.MULTILINE)
    return {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}


def test_the_page_has_every_metric_with_its_type_and_labels(scraped: str) -> None:
    known = {}
    for family in text_string_to_metric_families(scraped):
        if not family.name.endswith("_created"):
            name = f"{family.name}_total" if family.type == "counter" else family.name
            labels = {label for sample in family.samples for label in sample.labels} - {"le"}
            known[name] = (family.type, labels)
    assert documented() == known


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_names_only_what_there_is(series: Exposed, query: str) -> None:
    names = metrics_of(query)
    assert names
    assert sorted(names - series.keys()) == []
    labels = set().union(*(series[name] for name in names)) | PROMETHEUS_OWN
    assert sorted(labels_of(query) - labels) == []


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_is_well_formed(query: str) -> None:
    bare = re.sub(r'"[^"]*"', "", query)
    assert all(bare.count(left) == bare.count(right) for left, right in ("()", "[]", "{}"))
    assert query.count('"') % 2 == 0
    assert sorted(set(re.findall(r"\b([a-z_]+)\s*\(", bare)) - FUNCTIONS) == []
    # rates are of counters, and a counter is never looked at but through one
    counters = set(re.findall(r"\bwaypost_\w+_total\b", bare))
    assert all(re.search(rf"(rate|increase)\({name}(\{{\S*?\}})?\[\d+[mh]\]\)", bare) for name in counters)


@pytest.mark.parametrize(("query", "text"), SHOWN)
def test_a_text_shows_only_labels_that_its_query_leaves(query: str, text: str) -> None:
    shown = set(re.findall(r"\$labels\.(\w+)", text)) | set(re.findall(r"\{\{(\w+)\}\}", text))
    left = labels_of(query) | (set() if re.search(r"\b(by|sum|absent)\b", query) else PROMETHEUS_OWN)
    assert sorted(shown - left) == []


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: str(rule["alert"]))
def test_an_alert_has_what_whoever_is_woken_needs(rule: dict[str, Any]) -> None:
    assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
    assert re.fullmatch(r"Waypost[A-Za-z]+", rule["alert"])
    assert re.fullmatch(r"\d+[mh]", rule.get("for", "0m"))
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert rule["annotations"].keys() == {"summary", "description"}
    assert all(text.count("{{") == text.count("}}") for text in rule["annotations"].values())


def test_no_two_alerts_share_a_name() -> None:
    assert [group.keys() for group in RULES["groups"]] == [{"name", "rules"}]
    assert len({rule["alert"] for rule in ALERTS}) == len(ALERTS)


def test_the_dashboard_can_be_imported_and_no_panel_lies_on_another() -> None:
    assert (DASHBOARD["uid"], DASHBOARD["title"]) == ("waypost", "Waypost")
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    fields = [
        (x, y)
        for panel in PANELS
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(fields)) == len(fields)
    assert max(x for x, _ in fields) < 24
    assert all(panel["datasource"]["uid"] == "${datasource}" for panel in PANELS)


def test_metrics_name_nobody(scraped: str) -> None:
    assert "Secret" not in scraped
