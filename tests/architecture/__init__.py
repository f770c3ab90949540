"""House style and laws held by ordinary tests: each check is a function, itself tried on planted violations."""
