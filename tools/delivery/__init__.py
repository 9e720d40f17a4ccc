"""Move what was verified in one environment to the next, take it back, and tell what runs where."""
