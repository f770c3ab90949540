"""The composition root: configuration and use cases that wire the parts together and hold no trading logic."""

from __future__ import annotations

from argus.app.workspace import Workspace, find_workspace, init_workspace, open_workspace

__all__ = ["Workspace", "find_workspace", "init_workspace", "open_workspace"]
