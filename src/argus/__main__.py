"""``python -m argus``: the same command as the installed ``argus``, for machines where scripts are not on the path."""

from __future__ import annotations

from argus.cli.main import main

if __name__ == "__main__":
    main()
