"""A program that runs studies in processes which it forks, so that a run that is killed and started again imports torch only once.

Usage: python -m tests.study_forks. For each JSON object {study, output, dies} on a line of its input, it prints the id of a process that
runs the study, with an exchange for each entity, and after its end how it ended. `dies` is empty, or names where that process kills itself.
"""

import json
import os
import signal
import sys
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from unittest.mock import patch

import dpm_flower.exchange  # noqa: F401  # before anybody imports gRPC, which reads only then what TLS it may speak
from dpm_flower.apps.study_command import run
from dpm_flower.core.whole_file import whole_file
from dpm_flower.exchange.grpc_exchange import GrpcExchange
from dpm_flower.regime.contribute import contribute
from tests.apps.exchange_runs import PATIENT, WAIT_S


def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def half_a_record(path):
    with whole_file(path) as unfinished:
        yield unfinished
        unfinished.write_bytes(unfinished.read_bytes()[: unfinished.stat().st_size // 2])
        die()


def half_a_shard(path, chunks):
    data = b"".join(chunks)
    path.write_bytes(data[: len(data) // 2])
    die()


def and_no_answer(*task):
    contribute(*task)
    die()


DEATHS = {  # where a release is published, in the order in which that comes to pass
    "half a record": ("dpm_flower.regime.contribute.whole_file", half_a_record),
    "half a shard": ("dpm_flower.exchange.folder_store.write_file", half_a_shard),
    "before it is listed": ("dpm_flower.exchange.index.Index.put", die),
    "before it is answered": ("dpm_flower.federation.handlers.contribute", and_no_answer),
}


def work(order):
    """In the forked process: what it was asked for -> its exit code. What it prints goes to a file beside the run's folder."""
    output = Path(order["output"])
    with output.with_suffix(".log").open("a") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    if order["dies"]:
        patch(*DEATHS[order["dies"]]).start()
    patch("dpm_flower.apps.simulated_exchanges.START_S", WAIT_S).start()
    patch("dpm_flower.federation.standings.GrpcExchange", partial(GrpcExchange, patience=PATIENT)).start()
    return run(order["study"], "", "", output, in_process=True, cpus_per_client=1, exchange="grpc")


def main():
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os._exit(work(json.loads(line)))
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
