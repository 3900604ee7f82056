"""OpenAI's files and batches over the loopback server: uploads, batches in each state, result files."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from aiohttp import web

from .loopback import Answer, Fault, Loopback, _completion, _error, echo

Lines = list[dict[str, Any] | bytes]


class BatchServer(Loopback):
    """`finish()` answers every batch; `spoil(lines)` may then reorder, drop or break the lines of its result."""

    def __init__(self, answer: Callable[..., Answer] = echo, **options: Any) -> None:
        super().__init__(answer, **options)
        self.files: dict[str, bytes] = {}
        self.uploads: list[dict[str, str]] = []
        self.batches: dict[str, dict[str, Any]] = {}
        self.downloads: list[str] = []
        self.spoil: Callable[[Lines], Lines] = lambda lines: lines
        self.lose_confirmation = self.refuse = False
        self.confirmation: web.Response | None = None  # instead of the right one

    async def _open(self) -> None:
        await super()._open()
        await self._runner.cleanup()
        app = web.Application(client_max_size=2**28)
        app.router.add_get("/v1/models", self._list)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_post("/v1/files", self._upload)
        app.router.add_get("/v1/files/{id}/content", self._download)
        app.router.add_post("/v1/batches", self._create)
        app.router.add_get("/v1/batches", self._list_batches)
        app.router.add_get("/v1/batches/{id}", self._retrieve)
        app.router.add_post("/v1/batches/{id}/cancel", self._cancel)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.base = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"

    # -- what a test does

    def finish(self, status: str = "completed", *, answered: float = 1.0) -> None:
        """Every batch under way ends so, after that part of its requests."""
        for batch in self.batches.values():
            if batch["status"] in ("in_progress", "cancelling"):
                self._finish(batch, status, answered)

    def _finish(self, batch: dict[str, Any], status: str, answered: float) -> None:
        requests = [json.loads(line) for line in self.files[batch["input_file_id"]].splitlines()]
        number = round(len(requests) * answered)
        good: Lines = []
        bad: Lines = []
        for request in requests[:number]:
            body = request["body"]
            said = self.answer(body, 1)
            if isinstance(said, Fault):
                error = {"error": {"message": said.message, "type": "invalid_request_error", "code": said.code}}
                bad.append(_line(request, {"status_code": said.status, "request_id": "r", "body": error}))
            else:
                self.answered[request["custom_id"]] += 1
                reply = {"status_code": 200, "request_id": "r", "body": _completion(body, said)}
                good.append(_line(request, reply))
        if status == "expired":
            told = {"code": "batch_expired", "message": "This request could not be executed before the batch expired."}
            bad += [_line(request, None, told) for request in requests[number:]]
        counts = {"total": len(requests), "completed": len(good), "failed": len(bad)}
        batch |= {"status": status, "completed_at": int(time.time()), "request_counts": counts}
        for name, lines in (("output_file_id", self.spoil(good)), ("error_file_id", bad)):
            if lines:
                batch[name] = f"file-{name}-{batch['id']}"
                parts = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
                self.files[batch[name]] = b"\n".join(parts) + b"\n"

    # -- the protocol

    async def _upload(self, request: web.Request) -> web.Response:
        form = await request.post()
        file = form["file"]
        assert isinstance(file, web.FileField)
        name = f"file-{len(self.files)}"
        self.files[name] = file.file.read()
        self.uploads.append({"purpose": str(form["purpose"]), "filename": file.filename})
        told = {
            "id": name,
            "object": "file",
            "bytes": len(self.files[name]),
            "created_at": 1,
            "filename": file.filename,
        }
        return self._refused(request) or web.json_response({**told, "purpose": "batch", "status": "processed"})

    async def _download(self, request: web.Request) -> web.Response:
        name = request.match_info["id"]
        self.downloads.append(name)
        if name not in self.files:
            return _error(404, f"No such File object: {name}", None)
        return web.Response(body=self.files[name], content_type="application/octet-stream")

    async def _create(self, request: web.Request) -> web.Response:
        asked = await request.json()
        if self.refuse:
            return _error(400, "Your enqueued token limit is reached.", "token_limit_exceeded")
        batch = {
            **{"id": f"batch_{len(self.batches)}", "object": "batch", "created_at": int(time.time()), **asked},
            "status": "in_progress",
            "request_counts": {"total": 0, "completed": 0, "failed": 0},
        }
        self.batches[batch["id"]] = batch
        if self.lose_confirmation and request.transport is not None:
            request.transport.abort()
        return self.confirmation or web.json_response(batch)

    async def _retrieve(self, request: web.Request) -> web.Response:
        batch = self.batches.get(request.match_info["id"])
        return web.json_response(batch) if batch else _error(404, "No such batch", None)

    async def _list_batches(self, request: web.Request) -> web.Response:
        listed = list(self.batches.values())[::-1]
        if after := request.query.get("after"):
            listed = listed[[batch["id"] for batch in listed].index(after) + 1 :]
        page = listed[:2]
        return web.json_response({"object": "list", "data": page, "has_more": len(listed) > 2})

    async def _cancel(self, request: web.Request) -> web.Response:
        batch = self.batches.get(request.match_info["id"])
        if batch is None:
            return _error(404, "No such batch", None)
        batch["status"] = "cancelling"
        return web.json_response(batch)


def _line(request: dict[str, Any], response: object, error: object = None) -> dict[str, Any]:
    return {"id": "batch_req_1", "custom_id": request["custom_id"], "response": response, "error": error}
