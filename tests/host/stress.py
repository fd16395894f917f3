"""Run by the Python under test: many interpreters, many threads, ends."""

import sys
import threading

from driver import OUT, Host, finish, layer

THREADS, ROUNDS, GENERATIONS, NEW = 6, 60, 5, 3


def main():
    """Makes more interpreters in each generation and serves all of them from new threads."""
    host = Host(sys.argv[1], layers=[layer(own_gil="own-gil" in sys.argv)])
    groups = [""]
    for generation in range(GENERATIONS):
        groups += [f"group {generation}.{number}" for number in range(NEW)]
        own = []  # threads that Python has made call in as well
        for _ in range(2):
            own.append(threading.Thread(target=host.stress, args=("work", groups, 2, ROUNDS)))
            own[-1].start()
        complete = host.stress("work", groups, THREADS, ROUNDS)
        for thread in own:
            thread.join()
        assert complete == THREADS * ROUNDS, complete
        assert host.stress("raise_after", groups, THREADS, 10) == 0
        print(f"generation {generation}: {complete} requests to {len(groups)} interpreters", file=OUT, flush=True)
    for group in groups[:3]:
        host.serve("at_end", group=group)
    host.stop("the reason")
    print("ended", file=OUT)
    finish()


main()
