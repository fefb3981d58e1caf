"""A run on a Ray cluster: its processes are the workers of Ray Train."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from albertlm.executors import ATTEMPTS, connected
from albertlm.training.group import TIMEOUT

Job = TypeVar("Job")
Result = TypeVar("Result")


def run_on_cluster(
    function: Callable[[Job], Result],
    job: Job,
    run: str | Path,
    *,
    ranks: int,
    address: str | None = None,
    device: str | None = None,
) -> Result:
    """Call a function in several processes of a Ray cluster, where `Group.join` connects them.

    When one of them dies, or its machine, all are started again, `ATTEMPTS` times in all: so the
    function must go on from what an earlier call left in the run's folder, as `trainer.pretrain`
    does.

    Args:
        function: of a module, so that a worker can import it.
        job: what it is called with; can be pickled.
        run: the run's folder, which all machines see at the same place.
        ranks: number of processes; each takes a GPU, or else a core.
        address: as in `executors.open_executor`.
        device: `cpu` or `cuda`; None for `cuda` where the cluster has GPUs.

    Returns:
        What the first process's call returned.

    Raises:
        ValueError: the cluster is too small, or an argument malformed.
        ConnectionError: there is no cluster at the address.
        OSError: processes died too often.
        Exception: what the function raised.
    """
    with connected(address):
        from ray.train import TrainingFailedError

        gpus = _uses_gpus(ranks, device)
        call = {"function": function, "job": job}
        for attempt in range(ATTEMPTS):
            try:
                ended: Any = _trainer(call, run, attempt, ranks, gpus).fit()
            except TrainingFailedError as error:
                if own := _own_error(error):
                    raise own from None
            else:
                result: Result = ended.return_value
                return result
    raise OSError(
        f"processes of the run died {ATTEMPTS} times (killed, or out of memory); start it again "
        "with smaller micro-batches: it goes on from its newest checkpoint"
    )


def _trainer(call: dict[str, Any], run: str | Path, attempt: int, ranks: int, gpus: bool) -> Any:
    """One attempt: Ray Train's own retries would repeat errors, and leave out early deaths."""
    from ray.train import RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer

    return TorchTrainer(
        _call,
        train_loop_config=call,
        torch_config=TorchConfig(timeout_s=int(TIMEOUT)),
        scaling_config=ScalingConfig(num_workers=ranks, use_gpu=gpus),
        run_config=RunConfig(name=f"ray-{attempt}", storage_path=str(Path(run).resolve())),
    )


def _call(config: dict[str, Any]) -> Any:
    return config["function"](config["job"])


def _uses_gpus(ranks: int, device: str | None) -> bool:
    """Raises where there is no room: Ray itself would wait for it without end."""
    import ray

    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    gpus = device != "cpu" and (device is not None or resources.get("GPU", 0) > 0)
    there = int(resources.get("GPU" if gpus else "CPU", 0))
    if not 1 <= ranks <= there:
        raise ValueError(
            f"ranks={ranks} is not allowed; the cluster has {there} {'GPU' if gpus else 'CPU'}s, "
            "one for each rank: add machines or lower it"
        )
    return gpus


def _own_error(failed: Any) -> Exception | None:
    """What a process raised, where none just died; others may have lost their connection to it."""
    failures: dict[int, Exception] = getattr(failed, "worker_failures", None) or {
        0: failed.controller_failure
    }
    for error in failures.values():
        of_ray = type(error).__module__.partition(".")[0] == "ray"
        if not of_ray and not isinstance(error, ConnectionError):
            return error
    return None
