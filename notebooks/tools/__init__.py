"""How notebooks are made and executed: build, run, strip."""
