"""
bm25s and rank_bm25 over a corpus of JSON lines, for bench/search.ts. Reads questions from stdin and answers on stdout, a
line of JSON each; see worker.ts. Times are of one query at a time, its words and the places of the best included.
"""

import json
import os
import re
import resource
import sys
import time

library = None
searches = None
split = re.compile(r"(?u)\b\w\w+\b")


def texts(path):
    with open(path, encoding="utf8") as lines:
        for line in lines:
            article = json.loads(line)
            yield f"{article['title']} {article['text']}"


def build_bm25s(path, folder):
    """Made, saved, and opened from there as its own page has it, with or without mapping."""
    global searches
    import bm25s

    tokens = bm25s.tokenize(list(texts(path)), show_progress=False)
    made = bm25s.BM25(backend="numba")
    made.index(tokens, show_progress=False)
    made.save(folder)


def open_bm25s(path, folder):
    global searches
    import bm25s

    opened = bm25s.BM25.load(folder, mmap=False)
    opened.backend = "numba"

    def search(query, count):
        tokens = bm25s.tokenize(query, show_progress=False, return_ids=False)
        found, _ = opened.retrieve(tokens, k=count, show_progress=False, n_threads=1)
        return [int(place) for place in found[0]]

    searches = search


def open_rank_bm25(path, folder):
    global searches
    import numpy
    from rank_bm25 import BM25Okapi

    opened = BM25Okapi([split.findall(text.lower()) for text in texts(path)])

    def search(query, count):
        scores = opened.get_scores(split.findall(query.lower()))
        best = numpy.argpartition(-scores, count)[:count]
        return [int(place) for place in best[numpy.argsort(-scores[best], kind="stable")]]

    searches = search


def timed(work):
    clock, processor = time.perf_counter(), time.process_time()
    result = work()
    return result, 1000 * (time.perf_counter() - clock), 1000 * (time.process_time() - processor)


def answer(question):
    kind = question["do"]
    if kind == "query":
        found, clock, processor = timed(lambda: searches(question["query"], question["count"]))
        return {"found": found, "clock": clock, "processor": processor}
    doing = {"build bm25s": build_bm25s, "open bm25s": open_bm25s, "open rank_bm25": open_rank_bm25}[kind]
    _, clock, processor = timed(lambda: doing(question["path"], question["folder"]))
    folder = question["folder"]
    disk = sum(file.stat().st_size for file in os.scandir(folder)) if os.path.isdir(folder) else 0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"clock": clock, "processor": processor, "disk": disk, "memory": most}


for line in sys.stdin:
    try:
        print(json.dumps(answer(json.loads(line))), flush=True)
    except Exception as error:  # the bench tells it
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}), flush=True)
