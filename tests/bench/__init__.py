"""The benchmark: this module beside its peers. `run` starts it, README.md tells what is measured and how."""
