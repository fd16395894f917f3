"""What this module is to reach beside its peers: one row per target, and the verdict on each."""

import dataclasses

from bench.measure import LEAD


@dataclasses.dataclass(frozen=True)
class Target:
    """`ours` against `theirs`: at least so many times as fast, or at most so many times the cost.

    Speed is judged by CPU time per request too, which is steadier than requests per second: half the time, twice the
    speed. The rate is given beside it.
    """

    title: str
    workload: str
    ours: str
    theirs: str
    at_least: float | None = None
    at_most: float | None = None
    figure: str = "cpu"

    @property
    def wanted(self):
        """The limit as text."""
        return f"≥ {self.at_least:g} ×" if self.at_least else f"≤ {self.at_most:g} ×"


@dataclasses.dataclass(frozen=True)
class Verdict:
    """A target beside what was measured; None where it was not."""

    target: Target
    ratio: float | None
    rate: float | None  # ours in parts of theirs
    met: bool | None


TARGETS = (
    Target("Hello world embedded: speed, against httpd's static file", "hello", "embedded", "static", at_least=0.8),
    Target("Hello world embedded: speed, against mod_wsgi embedded", "hello", "embedded", "mod_wsgi 6.1 embedded", at_least=1.5),
    Target("Hello world daemon: speed, against mod_wsgi daemon", "hello", "daemon", "mod_wsgi 6.1 daemon", at_least=2.5),
    Target("Hello world daemon: speed, against nginx + uWSGI", "hello", "daemon", "nginx + uWSGI", at_least=0.85),
    Target("Django page daemon: CPU, against nginx + uWSGI", "django", "daemon", "nginx + uWSGI", at_most=1.0),
    Target("File download daemon: speed, against httpd's static file", "file", "daemon", "static", at_least=0.9),
    Target("Generator download: CPU, against mod_wsgi daemon", "generator", "daemon", "mod_wsgi 6.1 daemon", at_most=0.5),
    Target("Upload: CPU, against mod_wsgi daemon", "upload", "daemon", "mod_wsgi 6.1 daemon", at_most=0.5),
    Target("Memory with Django: against mod_wsgi daemon", "django", "daemon", "mod_wsgi 6.1 daemon", at_most=1.0, figure="pss"),
    Target("Memory with Django and preload: against mod_wsgi daemon", "django", "daemon preload", "mod_wsgi 6.1 daemon",
           at_most=0.6, figure="pss"),
)


def verdicts(figures):
    """Each target beside the figures at the leading number of connections."""
    return [judge(target, figures) for target in TARGETS]


def judge(target, figures):
    """One target."""
    ours = figures.get((target.workload, target.ours, LEAD))
    theirs = figures.get((target.workload, target.theirs, LEAD))
    if not ours or not theirs:
        return Verdict(target, None, None, None)
    cost, rate = ours[target.figure] / theirs[target.figure], ours["rate"] / theirs["rate"]
    if target.at_least:
        return Verdict(target, 1 / cost, rate, 1 / cost >= target.at_least)
    return Verdict(target, cost, rate, cost <= target.at_most)
