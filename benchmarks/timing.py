"""How benchmarks take time: the CPU of this process, since other processes of a busy machine only add to the clock."""

import gc
import time
from collections.abc import Callable


def best_us(run: Callable[[], object], units: float, *, rounds: int = 5, budget_s: float = 3.0) -> float:
    """µs of CPU for each unit, the best of some rounds; fewer when they would take longer than the budget.

    Garbage is collected before them and not between: that walks through all the memory of the process, and a short
    round behind it would measure how the processor's caches fill again.
    """
    best = float("inf")
    spent = 0.0
    gc.collect()
    for _ in range(rounds):
        begin = time.process_time()
        run()
        took = time.process_time() - begin
        best = min(best, took)
        spent += took
        if spent > budget_s:
            break
    return best / units * 1e6
