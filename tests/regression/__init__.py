"""Frozen regression runs: what each of them sent, filled and earned, kept in files that git can compare."""
