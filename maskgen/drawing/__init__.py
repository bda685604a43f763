"""Pictures for people: contact sheets, grids, comparisons, curves."""
