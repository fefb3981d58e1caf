"""Servers that `serving` compares with: FastAPI over transformers' pipelines.

    python serving_transformers.py MODEL PORT HOW DTYPE

HOW is `lock`, one call at a time on all cores, or `batches`, which waits 5 ms for up to 16
requests. DTYPE is a precision of PyTorch. Both speak the form of the hub's API.
"""

from __future__ import annotations

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import fastapi
import torch
import transformers
import uvicorn

MOST, WAIT = 16, 0.005
THREAD = ThreadPoolExecutor(1)
"""The thread that computes; each thread of Python would start threads of PyTorch of its own."""


class Model:
    """The two tasks with transformers, for a list of texts at once."""

    def __init__(self, folder: str, dtype: str) -> None:
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        self.fill = transformers.pipeline(
            "fill-mask", folder, tokenizer=self.tokenizer, dtype=dtype
        )
        self.encoder = transformers.AlbertModel.from_pretrained(folder, dtype=dtype)
        self.encoder.train(False)

    def __call__(self, task: str, texts: list[str]) -> list[Any]:
        if task == "fill-mask":
            found = self.fill(texts, batch_size=MOST)
            return [found] if len(texts) == 1 else found
        encoded = self.tokenizer(texts, return_tensors="pt", padding=True, truncation=True)
        with torch.inference_mode():
            states = self.encoder(**encoded).last_hidden_state
        mask = encoded["attention_mask"][..., None]
        vectors = (states * mask).sum(1) / mask.sum(1)
        rows: list[Any] = torch.nn.functional.normalize(vectors).tolist()
        return [[row] for row in rows]


async def in_thread(model: Model, task: str, texts: list[str]) -> list[Any]:
    return await asyncio.get_running_loop().run_in_executor(THREAD, model, task, texts)


class Batches:
    """Joins requests that arrive within a few milliseconds."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.queues: dict[str, asyncio.Queue[tuple[str, asyncio.Future[Any]]]] = {}

    async def __call__(self, task: str, text: str) -> Any:
        if task not in self.queues:
            self.queues[task] = asyncio.Queue()
            self.worker = asyncio.create_task(self._work(task))
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        await self.queues[task].put((text, future))
        return await future

    async def _work(self, task: str) -> None:
        queue = self.queues[task]
        while True:
            waiting = [await queue.get()]
            end = asyncio.get_running_loop().time() + WAIT
            while len(waiting) < MOST:
                try:
                    left = end - asyncio.get_running_loop().time()
                    waiting.append(await asyncio.wait_for(queue.get(), left))
                except TimeoutError:
                    break
            texts = [text for text, _ in waiting]
            found = await in_thread(self.model, task, texts)
            for (_, future), value in zip(waiting, found, strict=True):
                future.set_result(value)


def application(model: Model, how: str) -> fastapi.FastAPI:
    """The server of one of the two ways."""
    app = fastapi.FastAPI()
    lock = asyncio.Lock()
    batches = Batches(model)

    @app.get("/health")
    async def ready() -> dict[str, bool]:
        return {"ready": True}

    @app.post("/models/model/pipeline/{task}")
    async def answer(task: str, request: dict[str, Any]) -> Any:
        if how == "batches":
            return await batches(task, request["inputs"])
        async with lock:
            return (await in_thread(model, task, [request["inputs"]]))[0]

    return app


if __name__ == "__main__":
    _, folder, port, how, dtype = sys.argv
    uvicorn.run(application(Model(folder, dtype), how), port=int(port), log_level="error")
