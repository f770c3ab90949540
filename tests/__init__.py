"""The tests, by package as in ``src``, beside those of the architecture and the documentation."""
