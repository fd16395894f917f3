"""For `--reload-on-changes`: further files whose change makes the application load again, such as templates."""

tracked: set[str] = set()


def track_changes(path: str) -> None:
    """Looks at a file from now on."""
    tracked.add(path)
