"""What must hold for every URL that a gateway is given, and the figures of it."""

LIMIT_S = 5.5


def verdict(gateway, figures, what, results):
    """Assert what holds for all, and keep the figures of it."""
    figures.add(f"urls: {what}", len(results))
    figures.add(f"urls: {what}: connections outside the allowed set", len(gateway.refused), at_most=0)
    figures.add(f"urls: {what}: answers of 500", sum(one.status == 500 for one in results), at_most=0)
    figures.add(f"urls: {what}: slowest answer", max(one.took_s for one in results), "s", at_most=LIMIT_S)
    assert [] == gateway.refused
    assert [] == [(one.url, one.answer) for one in results if one.status == 500]
    assert gateway.process.poll() is None
    assert 200 == gateway.fetch("http://pictures.example/good").status
