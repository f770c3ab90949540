"""Attempts to cheat the lab by what is done around a result: each is impossible, or printed beside the verdict."""
