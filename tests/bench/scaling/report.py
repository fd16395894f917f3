"""The report of `tests/bench/scale`: tables for reading, curves for looking at."""

NAMES = {"ours": "this module", "on demand": "this module, processes=0-1", "peer": "mod_wsgi 6.1"}
GROUPS = (("listening", "listens after s", 1, 2), ("answered", "all have answered after s", 1, 2), ("first", "first answer s", 1, 2),
          ("leader", "leader KiB", 1, 0), ("worker", "worker KiB", 1, 0), ("wakeups", "wake-ups a second", 1, 1),
          ("idle", "idle: CPU ms a minute", 1, 0), ("request", "CPU µs per request", 1, 1), ("check", "httpd -t s", 1, 2),
          ("graceful", "graceful: listens after s", 1, 2), ("renewed", "all renewed after s", 1, 2), ("stop", "stop s", 1, 2))
INTERPRETERS = (("made", "made in ms", 1, 1), ("slowest", "slowest ms", 1, 1), ("memory", "KiB for each", 1, 0),
                ("request", "CPU µs per request", 1, 1))


def markdown(found):
    """Everything that was measured."""
    facts = found["facts"]
    parts = [f"{facts['cpu']}, {facts['cores']} cores, Linux {facts['kernel']}, httpd {facts['httpd']}, Python {facts['python']}; "
             f"{facts['date']}; load before {facts['load']:.1f}; open files {facts['files']}"]
    parts += [f"{name} is missing: {reason}" for name, reason in found["missing"].items()]
    if found["groups"]:
        parts += ["## Daemon groups\n\nEach with processes=1 threads=2 and hello world; memory (PSS) for each group.",
                  table(found["groups"], ("groups", "kind"), GROUPS)]
    if found["entries"]:
        parts += ["## Aliases and virtual hosts\n\nCPU time for a request of the last one, in µs.",
                  table(found["entries"], ("kind", "entries"), (("request", "WSGI", 1, 1), ("static", "httpd's file", 1, 1),
                                                                ("listening", "listens after s", 1, 2)))]
    if found["interpreters"]:
        parts += ["## Application groups\n\nSub-interpreters of one process.",
                  table(found["interpreters"], ("interpreters",), INTERPRETERS)]
    parts += [crowd(found["connections"])] if found["connections"] else []
    return "\n\n".join(parts) + "\n"


def table(rows, keys, columns):
    """Rows that may lack a figure; columns that all lack are left out."""
    shown = [column for column in columns if any(column[0] in row for row in rows)]
    lines = ["| " + " | ".join([*keys, *(title for _, title, _, _ in shown)]) + " |", "|---" * (len(keys) + len(shown)) + "|"]
    for row in rows:
        cells = [NAMES.get(row[key], f"{row[key]}") for key in keys]
        cells += [f"{row[name] / unit:,.{digits}f}" if name in row else "" for name, _, unit, digits in shown]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def crowd(row):
    """Kept connections."""
    alone, beside = row["alone"], row["beside"]
    ours = [f"| {name} | {seen['rate']:,.0f} | {seen['p50'] / 1000:.2f} | {seen['p99'] / 1000:.2f} | {seen['cpu']:.1f} |"
            for name, seen in (("alone", alone), (f"beside {row['connections']:,}", beside))]
    trouble = f" The first trouble: {row['why']}." if row["why"] else ""
    return (f"## Kept connections\n\n{row['kept']:,} of {row['connections']:,} clients kept a connection and asked every 10 s; "
            f"{row['failures']} failures.{trouble} {row['memory']:.1f} KiB of all processes for each; {row['share']:.2f} of a "
            f"core and {row['wakeups']:,.0f} wake-ups a second meanwhile.\n\n"
            "| hello world | requests/s | p50 ms | p99 ms | CPU µs |\n|---|---|---|---|---|\n" + "\n".join(ours))


def panels(found):
    """What the chart shows."""
    def groups(figure):
        return {NAMES[kind]: [(row["groups"], row[figure]) for row in found["groups"] if row["kind"] == kind and figure in row]
                for kind in NAMES}

    def entries(kind):
        rows = [row for row in found["entries"] if row["kind"] == kind]
        return {name: [(row["entries"], row[figure]) for row in rows]
                for name, figure in (("this module", "request"), ("httpd's file", "static"))}

    def interpreters(figure):
        return {"one process": [(row["interpreters"], row[figure]) for row in found["interpreters"] if figure in row]}

    return [("Daemon groups: seconds until httpd listens", groups("listening")),
            ("Daemon groups: seconds until all have answered", groups("answered")),
            ("Daemon groups: KiB of the processes of one (PSS)", groups("worker")),
            ("Daemon groups: wake-ups a second while all are idle", groups("wakeups")),
            ("Daemon groups: CPU µs per request", groups("request")),
            ("Aliases: CPU µs per request of the last", entries("aliases")),
            ("Virtual hosts: CPU µs per request of the last", entries("hosts")),
            ("Application groups: ms to make one", interpreters("made")),
            ("Application groups: CPU µs per request", interpreters("request"))]
