"""The Grafana dashboard of components/monitoring can be drawn, shows one environment, and answers seven questions."""

import re

from tests.manifests.expressions import dashboard, panels


def test_dashboard_is_one_that_grafana_can_draw():
    """Ids are unique, panels lie beside each other on 24 columns, and the data source is the variable."""
    shown = dashboard()
    identities = [panel["id"] for panel in shown["panels"]]
    assert sorted(set(identities)) == sorted(identities)
    cells = [
        (x, y)
        for panel in shown["panels"]
        for place in [panel["gridPos"]]
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24
    for panel in panels():
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert {"${datasource}"} == {one["datasource"]["uid"] for one in (panel, *panel["targets"])}
        assert len(panel["targets"]) == len({one["refId"] for one in panel["targets"]})
    assert [1] * len(panels()) == [sum(panel["title"] == one["title"] for one in panels()) for panel in panels()]


def test_dashboard_shows_one_environment():
    """Every query is of the chosen namespace, and every variable in it is one that is offered or Grafana's own."""
    offered = {f"${one['name']}" for one in dashboard()["templating"]["list"]}
    assert {"$datasource", "$namespace", "$model"} == offered
    for panel in panels():
        for one in panel["targets"]:
            assert 'namespace="$namespace"' in one["expr"], panel["title"]
            assert set(re.findall(r"\$\w+", one["expr"])) <= offered | {"$__rate_interval"}


def test_dashboard_has_a_row_for_each_question():
    """Traffic, errors, latency, pictures, model server, capacity and memory, in this order."""
    rows = [panel["title"] for panel in dashboard()["panels"] if panel["type"] == "row"]
    assert ["Traffic", "Errors", "Latency", "Pictures", "Model server", "Capacity", "Memory"] == rows
