"""`albertlm benchmark`: measure the engines on this machine."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from albertlm import hub
from albertlm.cli import common

if TYPE_CHECKING:
    from albertlm.inference.speed import Speed


def benchmark(
    model: Annotated[str | None, typer.Argument(metavar="MODEL", help=common.MODEL_HELP)] = None,
    *,
    seconds: Annotated[
        float, typer.Option(min=0, help="Time to repeat calls of each engine and shape.")
    ] = 2.0,
    text: common.SentencesOption = None,
    plot: Annotated[
        Path | None, typer.Option(help="Plot the latencies of all engines: .png or .svg.")
    ] = None,
    as_json: common.JsonOption = False,
) -> None:
    """Measure all installed engines and precisions, each in a process of its own.

    The results are remembered: on this machine, the fastest engine computes models of this shape
    from then on, unless another one is named. int8, which is only taken if it is asked for, must
    agree with float32 to be measured.
    """
    from albertlm.config import AlbertConfig
    from albertlm.inference import accuracy, speed
    from albertlm.inference.engines import engine_class

    if plot and plot.suffix not in (".png", ".svg"):
        raise ValueError(f"{plot} ends in {plot.suffix or 'nothing'}; name a .png or .svg")
    folder = hub.resolve(model or hub.SHIPPED)
    config = AlbertConfig.from_folder(folder)
    measured: dict[tuple[str, str], Speed] = {}
    for name, dtype in speed.contestants():
        print(f"measuring {name} in {dtype}", file=sys.stderr)
        if dtype == "int8":
            engine = engine_class(name).from_folder(folder, dtype=dtype)
            try:
                accuracy.require(folder, name, engine, sentences=text)
            except ValueError as error:
                print("warning:", error, file=sys.stderr)
                continue
        measured[name, dtype] = speed.measure(folder, name, dtype, seconds=seconds)
    speed.remember(config, measured)
    chosen = speed.choose(folder, "auto")
    if plot:
        from albertlm.reporting import figures

        figures.draw_speeds(measured, plot)
    if as_json:
        rows = [
            {"engine": name, "dtype": dtype, **dataclasses.asdict(each)}
            for (name, dtype), each in measured.items()
        ]
        auto = dict(zip(("engine", "dtype"), chosen, strict=True))
        common.print_json({"engines": rows, "auto": auto})
        return
    columns = ["engine", "dtype", "#start"]
    for shape in speed.SHAPES:
        columns += [f"#{shape}", "#95 %", "#tokens/s"]
    cells = [(*pair, *_cells(each)) for pair, each in measured.items()]
    common.print_table([*columns, "#memory"], cells, title=str(folder))
    print(f"auto takes {chosen[0]} in {chosen[1]}: its geometric mean of both medians is smallest")


def _cells(measured: Speed) -> list[str]:
    cells = [f"{measured.start:.2f} s"]
    for each in (measured.short, measured.long):
        cells += [f"{1000 * each.p50:.1f} ms", f"{1000 * each.p95:.1f} ms"]
        cells.append(f"{each.tokens_per_second:,.0f}")
    return [*cells, f"{measured.memory / 2**20:,.0f} MiB"]
