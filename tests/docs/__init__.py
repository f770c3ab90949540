"""The documentation is tested: its examples are run, its links followed, its pages listed."""
