"""Start a run in this process, in those of torchrun, or in the workers of Ray Train."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from albertlm.executors import ATTEMPTS, connected
from albertlm.training.group import TIMEOUT, Group
from albertlm.training.loop import Loop, StepReport
from albertlm.training.run_config import Execution

Given = TypeVar("Given")
_Result = TypeVar("_Result")


class Job(Protocol):
    """A run as every process receives it; can be pickled."""

    @property
    def execution(self) -> Execution:
        """The options of the run's execution."""
        ...

    def loop(self, group: Group) -> Loop[Any]:
        """Make the training loop of one process."""
        ...


@dataclass(frozen=True)
class Ended:
    """The last step of a process, its values, and whether this is the first process."""

    step: int
    values: dict[str, float]
    first: bool


def exhaust(loop: Loop[Any]) -> StepReport | None:
    """Train to the end and return the last report, or None if no steps were left."""
    last = None
    for last in loop:  # noqa: B007
        pass
    return last


def train(job: Job, follow: Callable[[Loop[Any]], StepReport | None] = exhaust) -> Ended:
    """Train a run in this process, alone or as one that `torchrun` or Ray Train started.

    Args:
        job: the run.
        follow: iterates over the loop, as `exhaust` does, and may display its reports.
    """
    with Group.join(job.execution.device) as group:
        loop = job.loop(group)
        last = follow(loop)
        values = last.values if last else {}
        return Ended(loop.progress.step, values, group.first)


def run_on_cluster(
    function: Callable[[Given], _Result],
    job: Given,
    run: str | Path,
    *,
    ranks: int,
    address: str | None = None,
    device: str | None = None,
) -> _Result:
    """Call a function in several processes of a Ray cluster, which `Group.join` connects.

    If a process or its machine dies, all processes are started again, for `ATTEMPTS` attempts in
    total. So the function must resume from the run's folder, as `train` does.

    Args:
        function: a function that workers can import from its module.
        job: the argument of the function, which can be pickled.
        run: the run's folder, at the same path on all machines.
        ranks: the number of processes; each uses a GPU, or else a core.
        address: as in `executors.open_executor`.
        device: `cpu` or `cuda`; None for `cuda` if the cluster has GPUs.

    Returns:
        The result of the function in the first process.

    Raises:
        ValueError: the cluster is too small, or an argument is malformed.
        ConnectionError: there is no cluster at the address.
        OSError: processes died in every attempt.
        Exception: any exception that the function raised.
    """
    with connected(address):
        from ray.exceptions import RayActorError
        from ray.train import TrainingFailedError

        gpus = _uses_gpus(ranks, device)
        call = {"function": function, "job": job}
        for attempt in range(ATTEMPTS):
            try:
                ended: Any = _trainer(call, run, attempt, ranks, gpus).fit()
            except RayActorError:  # of the process that watches the others
                continue
            except TrainingFailedError as error:
                if own := _own_error(error):
                    raise own from None
            else:
                result: _Result = ended.return_value
                return result
    raise OSError(
        f"processes of the run died {ATTEMPTS} times (killed, or out of memory); start it again "
        "with smaller micro-batches: it resumes from its newest checkpoint"
    )


def _trainer(call: dict[str, Any], run: str | Path, attempt: int, ranks: int, gpus: bool) -> Any:
    """The trainer of one attempt. Ray Train would also retry errors, but not early deaths."""
    from ray.train import RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer

    return TorchTrainer(
        _call,
        train_loop_config=call,
        torch_config=TorchConfig(timeout_s=int(TIMEOUT)),
        scaling_config=ScalingConfig(num_workers=ranks, use_gpu=gpus),
        run_config=RunConfig(name=f".ray-{attempt}", storage_path=str(Path(run).resolve())),
    )


def _call(config: dict[str, Any]) -> Any:
    return config["function"](config["job"])


def _uses_gpus(ranks: int, device: str | None) -> bool:
    """Whether ranks use GPUs. Raises if they do not fit, since Ray would wait forever."""
    import ray

    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    gpus = device != "cpu" and (device is not None or resources.get("GPU", 0) > 0)
    there = int(resources.get("GPU" if gpus else "CPU", 0))
    if not 1 <= ranks <= there:
        raise ValueError(
            f"ranks={ranks} is not allowed; the cluster has {there} {'GPU' if gpus else 'CPU'}s "
            "and every rank needs one: add machines or lower ranks"
        )
    return gpus


def _own_error(failed: Any) -> Exception | None:
    """The exception of the run itself, not of a death or of a connection lost because of one."""
    failures: dict[int, Exception] = getattr(failed, "worker_failures", None) or {
        0: failed.controller_failure
    }
    for error in failures.values():
        of_ray = type(error).__module__.partition(".")[0] == "ray"
        if not of_ray and not isinstance(error, ConnectionError):
            return error
    return None
