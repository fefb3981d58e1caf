"""`albertlm serve` under load, beside other servers, with the shipped model.

`wrk` sends requests from 1, 16 and 64 clients over loopback, each with one text: half of them
sentences of SST-2's dev data and half of Wikipedia, with a mask at their end for fill-mask. Two
peers are FastAPI with transformers (`serving_transformers`), each in float32 and in bfloat16: one
computes one request at a time behind a lock, the other one joins up to 16 that arrive within 5 ms;
ratios are to the best of these four. For features there are also infinity, which joins up to 32,
and FastAPI with fastembed on the exported ONNX file (`serving_fastembed`), both in float32.
albertlm serves with OpenVINO, in the precision that it chooses for the processor and in float32,
and with NumPy, the default where nothing else is installed. Contestants answer in turns, three
times, on all cores; the medians are given, and the least and the largest value of requests per
second.

Besides, of `albertlm serve` alone: what it adds to a call of the pipeline for one client; ten times
as many clients as its queue holds, for a minute; a worker that is killed under load; and the time
from the start to being ready with the memory of all its processes.

    python benchmarks/serving.py [--seconds N] [--overload N]
"""

from __future__ import annotations

import argparse
import csv
import http.client
import json
import os
import signal
import statistics
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import common
import sample
import servers
from albertlm import AlbertTokenizer, hub
from albertlm.inference.engines import open_engine
from albertlm.inference.factory import PIPELINES
from servers import CONTESTANTS, OURS, TRANSFORMERS, post, serving

ROUNDS, CLIENTS = 3, (1, 16, 64)
TASKS = tuple(CONTESTANTS)
TEXTS = 400
PAUSE = 0.1
"""Seconds after which the threads of another process have stopped to wait for work."""

LUA = """
local bodies, number = {}, 0
for line in io.lines("BODIES") do bodies[#bodies + 1] = line end
request = function()
  number = number + 1
  local body = bodies[(number * 7919) % #bodies + 1]
  return wrk.format("POST", nil, {["Content-Type"] = "application/json"}, body)
end
done = function(summary, latency)
  local errors = summary.errors
  io.write(string.format('{"requests": %d, "seconds": %f, "errors": %d, "p50": %f, "p99": %f}\\n',
    summary.requests, summary.duration / 1e6,
    errors.status + errors.read + errors.timeout + errors.connect,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
"""
"""For wrk: all bodies in an order that mixes them, and a line of JSON at the end."""


def texts() -> list[str]:
    """Reviews and sentences of Wikipedia in turns, none of which is too long for 128 tokens."""
    with (common.DATA / "glue" / "SST-2" / "dev.tsv").open(encoding="utf-8") as file:
        reviews = [row["content"] for row in csv.DictReader(file, delimiter="\t")]
    short = (text for text in sample.wikipedia_sentences() if 20 < len(text) < 300)
    pairs = zip(reviews, islice(short, TEXTS // 2), strict=False)
    return [text.strip() for pair in pairs for text in pair]


def ask(address: str, task: str, text: str) -> int:
    """The status of a request to `albertlm serve`."""
    return post(f"{address}/models/model/pipeline/{task}", {"inputs": text})


def load(url: str, bodies: Path, clients: int, seconds: int) -> dict[str, float]:
    """Requests per second and latencies in milliseconds from so many clients."""
    script = bodies.with_suffix(".lua")
    script.write_text(LUA.replace("BODIES", str(bodies)))
    threads = str(min(clients, 2))
    command = ["wrk", "-t", threads, "-c", str(clients), "-d", f"{seconds}s", "--timeout", "30s"]
    done = subprocess.run(
        [*command, "-s", str(script), url], check=True, capture_output=True, text=True
    )
    with bodies.open() as file:
        post(url, json.loads(next(file)))  # waits for the requests that wrk has left
    found = json.loads(done.stdout.strip().splitlines()[-1])
    if found["errors"]:
        raise SystemExit(f"{found['errors']} requests to {url} failed: {done.stdout}")
    return {
        "requests/s": found["requests"] / found["seconds"],
        "p50, ms": found["p50"],
        "p99, ms": found["p99"],
    }


def throughput(folder: Path, sentences: Sequence[str], seconds: int) -> dict[str, Any]:
    """The medians of all contestants by task and number of clients, and the ratios to the peer."""
    runs: dict[tuple[str, int, str], list[dict[str, float]]] = {}
    exported = folder / "exported"
    program = [str(servers.BIN / "albertlm"), "export", str(hub.SHIPPED), str(exported)]
    subprocess.run([*program, "--to", "onnx"], check=True)
    for number in range(ROUNDS):
        for contestant in dict.fromkeys(name for names in CONTESTANTS.values() for name in names):
            model = exported if contestant == "fastembed" else hub.SHIPPED
            with serving(contestant, model) as (address, _, _):
                for task in (task for task in TASKS if contestant in CONTESTANTS[task]):
                    url = address + servers.path(contestant, task)
                    fields = [servers.body(contestant, text) for text in of_task(task, sentences)]
                    bodies = folder / "bodies.jsonl"
                    bodies.write_text("".join(json.dumps(each) + "\n" for each in fields))
                    load(url, bodies, 4, 1)  # warm-up
                    for clients in CLIENTS:
                        found = load(url, bodies, clients, seconds)
                        runs.setdefault((task, clients, contestant), []).append(found)
                        print(number, contestant, task, clients, found, flush=True)
    results: dict[str, Any] = {}
    for task in TASKS:
        for clients in CLIENTS:
            rows = {name: summary(runs[task, clients, name]) for name in CONTESTANTS[task]}
            best = max((rows[name] for name in TRANSFORMERS), key=lambda row: row["requests/s"])
            for name in OURS:
                ours = rows[name]
                ours["throughput by transformers"] = ours["requests/s"] / best["requests/s"]
                ours["p99 by transformers"] = ours["p99, ms"] / best["p99, ms"]
            plural = "s" if clients > 1 else ""
            results[f"{task}, {clients} client{plural}"] = {
                name: {key: rounded(value) for key, value in row.items()}
                for name, row in rows.items()
            }
    return results


def of_task(task: str, sentences: Sequence[str]) -> list[str]:
    """The inputs of a task."""
    return [f"{text} [MASK]." if task == "fill-mask" else text for text in sentences]


def summary(found: Sequence[dict[str, float]]) -> dict[str, Any]:
    """The medians of some runs, and the range of their throughput."""
    rates = sorted(each["requests/s"] for each in found)
    row: dict[str, Any] = {key: statistics.median(each[key] for each in found) for key in found[0]}
    return row | {"range of requests/s": f"{rates[0]:.1f} to {rates[-1]:.1f}"}


def rounded(value: Any) -> Any:
    return float(f"{value:.3g}") if isinstance(value, float) else value


def overhead(sentences: Sequence[str]) -> dict[str, Any]:
    """Milliseconds of a call of the pipeline and of a request for it, alternately."""
    results = {}
    tokenizer = AlbertTokenizer.from_pretrained(hub.SHIPPED)
    with serving("albertlm, numpy, float32", hub.SHIPPED) as (address, _, _):
        connection = http.client.HTTPConnection(address.removeprefix("http://"))
        for task in TASKS:
            called: Any = PIPELINES[task](open_engine("numpy", hub.SHIPPED), tokenizer)
            both: dict[str, list[float]] = {"pipeline": [], "server": []}
            for text in of_task(task, sentences[:200]):
                for name, run in (
                    ("pipeline", called),
                    ("server", partial(over_connection, connection, task)),
                ):
                    time.sleep(PAUSE)
                    begin = time.perf_counter()
                    run(text)
                    both[name].append(1e3 * (time.perf_counter() - begin))
            pairs = zip(both["pipeline"], both["server"], strict=True)
            results[task] = {
                "pipeline, ms": round(statistics.median(both["pipeline"]), 2),
                "request, ms": round(statistics.median(both["server"]), 2),
                "added, ms": round(statistics.median(ours - theirs for theirs, ours in pairs), 2),
            }
    return results


def over_connection(connection: http.client.HTTPConnection, task: str, text: str) -> bytes:
    """A request over a connection that stays open."""
    fields, headers = json.dumps({"inputs": text}), {"Content-Type": "application/json"}
    connection.request("POST", f"/models/model/pipeline/{task}", fields, headers)
    return connection.getresponse().read()


def family(pid: int) -> list[int]:
    """A process and all that it started, directly or not."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(each for child in children for each in family(int(child)))]


def memory(pid: int) -> float:
    """MiB of a process and all that it started; shared pages count once."""
    total = 0
    for each in family(pid):
        rollup = Path(f"/proc/{each}/smaps_rollup").read_text()
        total += int(rollup.split("\nPss:")[1].split()[0])
    return total / 1024


def resident_pages(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1])


def crowd(address: str, sentences: Sequence[str], clients: int, seconds: float) -> Counter[int]:
    """The statuses seen by clients that keep asking for some time."""
    statuses: Counter[int] = Counter()
    end = time.perf_counter() + seconds

    def client(number: int) -> None:
        while time.perf_counter() < end:
            status = ask(address, "feature-extraction", sentences[number % len(sentences)])
            statuses[status] += 1

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses


def overload(sentences: Sequence[str], seconds: float) -> dict[str, Any]:
    """Ten times as many clients as the queue holds."""
    with serving(OURS[0], hub.SHIPPED, "--max-queue", 16) as (address, pid, _):
        crowd(address, sentences, 16, 5)
        before = memory(pid)
        statuses = crowd(address, sentences, 160, seconds)
        row = {
            "seconds": seconds,
            **{str(status): count for status, count in sorted(statuses.items())},
            "MiB before": round(before, 1),
            "MiB after": round(memory(pid), 1),
            "answers afterwards": ask(address, "fill-mask", "One [MASK].") == 200,
        }
    return {"160 clients, a queue of 16": row}


def killed_worker(sentences: Sequence[str]) -> dict[str, Any]:
    """A worker is killed while 16 clients ask; the statuses, and the time without an answer."""
    with serving(OURS[0], hub.SHIPPED) as (address, pid, _):
        worker = max(family(pid)[1:], key=resident_pages)
        statuses: Counter[int] = Counter()
        thread = threading.Thread(target=lambda: statuses.update(crowd(address, sentences, 16, 10)))
        thread.start()
        time.sleep(3)
        os.kill(worker, signal.SIGKILL)
        begin = time.perf_counter()
        while ask(address, "fill-mask", "One [MASK].") != 200:
            time.sleep(0.01)
        seconds = time.perf_counter() - begin
        thread.join()
    counts = {str(status): count for status, count in sorted(statuses.items())}
    return {"16 clients": {**counts, "seconds until it answered": round(seconds, 2)}}


def starts(folder: Path) -> dict[str, Any]:
    """Seconds to being ready, and memory then and after some answers."""
    common.write_random(folder / "large", "albert-large-v1")
    results = {}
    for name, model in (("the model that ships", hub.SHIPPED), ("albert-large", folder / "large")):
        seconds = []
        for _ in range(3):
            with serving(OURS[0], model) as (address, pid, ready):
                seconds.append(ready)
                at_start = memory(pid)
                for _ in range(8):
                    ask(address, "fill-mask", "Hello I'm a [MASK] model.")
                after = memory(pid)
        results[name] = {
            "seconds to ready": round(statistics.median(seconds), 2),
            "MiB when ready": round(at_start, 1),
            "MiB after 8 answers": round(after, 1),
        }
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--overload", type=float, default=60)
    given = parser.parse_args()
    common.require_data(common.DATA / "glue" / "SST-2" / "dev.tsv", sample.ARTICLES)
    sentences = texts()
    with tempfile.TemporaryDirectory() as temporary:
        measurements = {
            "under load": throughput(Path(temporary), sentences, given.seconds),
            "for one client": overhead(sentences),
            "overload": overload(sentences, given.overload),
            "a killed worker": killed_worker(sentences),
            "start and memory": starts(Path(temporary)),
        }
    common.record(
        "serving",
        measurements,
        ["numpy", "openvino", "fastapi", "uvicorn", "transformers", "torch"],
    )


if __name__ == "__main__":
    main()
