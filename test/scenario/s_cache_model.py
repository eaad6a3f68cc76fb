# SPDX-License-Identifier: MIT
"""The cache beside a simple model of it: random requests, answers, steps in time, purges and evictions; every answer is compared."""
from harness import SCENARIOS, Entry
from model import Player, Rule
from stored import caching
from wire import true

ACTS = 220
MOST = 32768  # an eighth of 256k


def plays(name, words, rule, seeds, *, top="", pages=8):
    def run(t):
        o, g = caching(t, words + " max_fails=0", top=top, answers=lambda link, m: None)
        compared = hits = 0
        for seed in seeds:
            with t.row(str(seed)) as wanted:
                if not wanted:
                    continue
                p = Player(t, o, g, rule, seed, pages)
                p.play(ACTS if not t.tiny else ACTS // 2)
                compared, hits = compared + p.compared, hits + p.hits
                g.alive()
                g.consistent()
        true(hits * 15 >= compared, f"{hits} hits in {compared} answers: that shows nothing")
    SCENARIOS.append(Entry(name, run, rows=[str(s) for s in seeds], slow=True))


plays("cache/model/obeys", "cache=on", Rule("obey"), range(1, 9))
plays("cache/model/gives", "cache=300s stale_while_revalidate=200s stale_if_error=1000s", Rule("give", 300, stale_while=200, stale_error=1000), range(20, 26))
plays("cache/model/forces", 'cache="300s force" stale_if_error=1000s', Rule("force", 300, stale_error=1000), range(40, 46))
plays("cache/model/small", "cache=on", Rule("obey", object_most=MOST // 4, evicts=True), range(60, 66), top="cache = 64k", pages=25)
