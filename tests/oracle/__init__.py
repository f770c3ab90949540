"""A second engine, slow and readable, written from docs/fills.md alone; the compiled one must agree with it."""
