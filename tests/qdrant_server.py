"""A stand-in for a Qdrant server: its two protocols are real, its database is local mode.

No package index has the server itself.  With this one the remote half of the
repository is driven through the real client, over real sockets, both in REST
and in gRPC.  (`test_contract.py` also runs on a real server, if `QDRANT_URL`
names one.)
"""

# ruff: noqa: N802 - methods are named as the protocols name them

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc  # type: ignore[import-untyped]  # grpcio ships no types
from pydantic import BaseModel
from qdrant_client import QdrantClient, models
from qdrant_client import grpc as messages
from qdrant_client.conversions.conversion import GrpcToRest, RestToGrpc

NOT_FOUND = 404
CONFLICT = 409


@dataclass
class Database:
    """What both protocols speak to; `asked` notes protocol and request, in order."""

    client: QdrantClient = field(default_factory=lambda: QdrantClient(":memory:"))
    indexes: dict[str, models.PayloadIndexInfo] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    lock: AbstractContextManager[Any] = field(default_factory=threading.RLock)

    def serve(self, protocol: str, action: str, name: str, *requests: Any) -> Any:
        self.asked.append((protocol, action))
        with self.lock:
            return getattr(self, action)(name, *requests)

    def exists(self, name: str) -> models.CollectionExistence:
        return models.CollectionExistence(exists=self.client.collection_exists(name))

    def info(self, name: str) -> models.CollectionInfo:
        info = self.client.get_collection(name)
        return info.model_copy(update={"payload_schema": dict(self.indexes)})

    def create(self, name: str, request: models.CreateCollection) -> bool:
        return self.client.create_collection(name, vectors_config=request.vectors)

    def index(self, name: str, request: models.CreateFieldIndex) -> models.UpdateResult:
        schema = request.field_schema
        assert isinstance(schema, models.KeywordIndexParams | models.IntegerIndexParams), name
        self.indexes[request.field_name] = models.PayloadIndexInfo(
            data_type=models.PayloadSchemaType(schema.type.value), params=schema, points=0
        )
        return models.UpdateResult(operation_id=0, status=models.UpdateStatus.COMPLETED)

    def upsert(self, name: str, request: models.PointsList) -> models.UpdateResult:
        wanted = [point for point in request.points if self._may_write(name, request, point)]
        if not wanted:  # as a server does: it does not say that it has written nothing
            return models.UpdateResult(operation_id=0, status=models.UpdateStatus.COMPLETED)
        return self.client.upsert(name, wanted)

    def _may_write(self, name: str, request: models.PointsList, point: models.PointStruct) -> bool:
        """Say whether the request's conditions hold; the client knows none of what is deleted."""
        if not self.client.retrieve(name, _texts([point.id])):
            return request.update_mode != models.UpdateMode.UPDATE_ONLY
        if request.update_mode == models.UpdateMode.INSERT_ONLY:
            return False
        conditions = request.update_filter.must if request.update_filter else []
        same = models.Filter(
            must=[models.HasIdCondition(has_id=_texts([point.id])), *(conditions or [])]
        )
        return bool(self.client.count(name, count_filter=same, exact=True).count)

    def retrieve(self, name: str, request: models.PointRequest) -> list[models.Record]:
        return self.client.retrieve(
            name, _texts(request.ids), with_payload=True, with_vectors=request.with_vector or False
        )

    def query(self, name: str, request: models.QueryRequest) -> models.QueryResponse:
        return self.client.query_points(
            name,
            query=request.query,
            using=request.using,
            query_filter=request.filter,
            limit=request.limit or 0,
        )

    def scroll(self, name: str, request: models.ScrollRequest) -> models.ScrollResult:
        points, after = self.client.scroll(
            name,
            scroll_filter=request.filter,
            limit=request.limit or 10,
            offset=None if request.offset is None else str(request.offset),
            with_vectors=request.with_vector or False,
        )
        return models.ScrollResult(points=points, next_page_offset=after)

    def count(self, name: str, request: models.CountRequest) -> models.CountResult:
        assert request.exact, name
        return self.client.count(name, count_filter=request.filter, exact=True)

    def delete(self, name: str, request: models.PointIdsList) -> models.UpdateResult:
        return self.client.delete(name, models.PointIdsList(points=_texts(request.points)))


def _texts(ids: list[Any]) -> list[Any]:
    """Return `ids` as texts: local mode knows no others before 1.20 of the client."""
    return [str(each) for each in ids]


@contextmanager
def qdrant_server(
    database: Database | None = None, *, with_grpc: bool = True
) -> Iterator[tuple[dict[str, Any], Database]]:
    """Serve `database`, or an empty one, on the loopback interface.

    Yields:
        The keywords for a `QdrantRepository`, and the database.
    """
    database = database or Database()
    with _rest(database) as rest_port, _grpc(database) as grpc_port:
        yield (
            {"url": f"http://127.0.0.1:{rest_port}", "grpc_port": grpc_port if with_grpc else 1},
            database,
        )
    database.client.close()


# REST.

_ROUTES: dict[tuple[str, str], tuple[str, type[BaseModel] | None]] = {
    ("GET", "/exists"): ("exists", None),
    ("GET", ""): ("info", None),
    ("PUT", ""): ("create", models.CreateCollection),
    ("PUT", "/index"): ("index", models.CreateFieldIndex),
    ("PUT", "/points"): ("upsert", models.PointsList),
    ("POST", "/points"): ("retrieve", models.PointRequest),
    ("POST", "/points/query"): ("query", models.QueryRequest),
    ("POST", "/points/scroll"): ("scroll", models.ScrollRequest),
    ("POST", "/points/count"): ("count", models.CountRequest),
    ("POST", "/points/delete"): ("delete", models.PointIdsList),
}


class _Handler(BaseHTTPRequestHandler):
    database: Database

    def do_GET(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        path = re.fullmatch(r"/collections/([^/?]+)([^?]*)(\?.*)?", self.path)
        assert path, self.path
        action, model = _ROUTES[self.command, path[2]]
        requests = [model.model_validate_json(body)] if model else []
        try:
            result = self.database.serve("rest", action, path[1], *requests)
        except ValueError as error:
            status = CONFLICT if "already exists" in str(error) else NOT_FOUND
            self._answer(status, {"status": {"error": str(error)}, "time": 0.0})
        else:
            self._answer(200, {"result": _plain(result), "status": "ok", "time": 0.0})

    def _answer(self, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else value


class _Server(ThreadingHTTPServer):
    # With five, the default, a burst of connections is told to come back in a second, or reset.
    request_queue_size = 128


@contextmanager
def http_server(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    """Serve HTTP on the loopback interface and yield the port."""
    server = _Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _rest(database: Database) -> Any:
    return http_server(type("Handler", (_Handler,), {"database": database}))


# gRPC.


@contextmanager
def _grpc(database: Database) -> Iterator[int]:
    server = grpc.server(ThreadPoolExecutor(8))
    messages.add_CollectionsServicer_to_server(  # type: ignore[no-untyped-call]  # generated
        _Collections(database), server
    )
    messages.add_PointsServicer_to_server(  # type: ignore[no-untyped-call]  # generated
        _Points(database), server
    )
    port: int = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(0).wait()


class _Servicer:
    def __init__(self, database: Database) -> None:
        self.database = database

    def serve(self, context: Any, action: str, request: Any, *arguments: Any) -> Any:
        try:
            return self.database.serve("grpc", action, request.collection_name, *arguments)
        except ValueError as error:
            known = "already exists" in str(error)
            code = grpc.StatusCode.ALREADY_EXISTS if known else grpc.StatusCode.NOT_FOUND
            context.abort(code, str(error))


class _Collections(_Servicer, messages.CollectionsServicer):
    def CollectionExists(self, request: Any, context: Any) -> Any:
        reply = self.serve(context, "exists", request)
        result = messages.CollectionExists(exists=reply.exists)
        return messages.CollectionExistsResponse(result=result)

    def Get(self, request: Any, context: Any) -> Any:
        reply = self.serve(context, "info", request)
        return messages.GetCollectionInfoResponse(result=RestToGrpc.convert_collection_info(reply))

    def Create(self, request: Any, context: Any) -> Any:
        vectors = GrpcToRest.convert_vectors_config(request.vectors_config)
        self.serve(context, "create", request, models.CreateCollection(vectors=vectors))
        return messages.CollectionOperationResponse(result=True)


class _Points(_Servicer, messages.PointsServicer):
    def CreateFieldIndex(self, request: Any, context: Any) -> Any:
        schema = GrpcToRest.convert_payload_schema_params(request.field_index_params)
        wanted = models.CreateFieldIndex(field_name=request.field_name, field_schema=schema)
        return self._updated(context, "index", request, wanted)

    def Upsert(self, request: Any, context: Any) -> Any:
        points = [GrpcToRest.convert_point_struct(point) for point in request.points]
        conditional = request.HasField("update_filter")
        wanted = models.PointsList(
            points=points,
            update_filter=_filter(request, "update_filter") if conditional else None,
            update_mode=_mode(request) if request.HasField("update_mode") else None,
        )
        return self._updated(context, "upsert", request, wanted)

    def Delete(self, request: Any, context: Any) -> Any:
        selected = GrpcToRest.convert_points_selector(request.points)
        return self._updated(context, "delete", request, selected)

    def _updated(self, context: Any, action: str, request: Any, wanted: Any) -> Any:
        reply = self.serve(context, action, request, wanted)
        return messages.PointsOperationResponse(result=RestToGrpc.convert_update_result(reply))

    def Get(self, request: Any, context: Any) -> Any:
        wanted = models.PointRequest(
            ids=[GrpcToRest.convert_point_id(name) for name in request.ids],
            with_vector=GrpcToRest.convert_with_vectors_selector(request.with_vectors),
        )
        records = self.serve(context, "retrieve", request, wanted)
        return messages.GetResponse(result=[RestToGrpc.convert_record(one) for one in records])

    def Query(self, request: Any, context: Any) -> Any:
        wanted = GrpcToRest.convert_query_points(request)
        wanted = wanted.model_copy(update={"filter": _filter(request)})
        points = self.serve(context, "query", request, wanted).points
        found = [RestToGrpc.convert_scored_point(point) for point in points]
        return messages.QueryResponse(result=found)

    def Scroll(self, request: Any, context: Any) -> Any:
        after = GrpcToRest.convert_point_id(request.offset) if request.HasField("offset") else None
        wanted = models.ScrollRequest(
            filter=_filter(request),
            limit=request.limit,
            offset=after,
            with_vector=GrpcToRest.convert_with_vectors_selector(request.with_vectors),
        )
        page = self.serve(context, "scroll", request, wanted)
        return messages.ScrollResponse(
            result=[RestToGrpc.convert_record(record) for record in page.points]
        )

    def Count(self, request: Any, context: Any) -> Any:
        wanted = models.CountRequest(
            filter=_filter(request),
            exact=request.exact,
        )
        reply = self.serve(context, "count", request, wanted)
        return messages.CountResponse(result=messages.CountResult(count=reply.count))


def _mode(request: Any) -> models.UpdateMode:
    return GrpcToRest.convert_update_mode(request.update_mode)


def _filter(request: Any, name: str = "filter") -> models.Filter | None:
    """Return the filter of a gRPC request."""
    if not request.HasField(name):
        return None
    found = GrpcToRest.convert_filter(getattr(request, name))
    # Older clients translate an absent clause into an empty list, which local mode never meets.
    return models.Filter(**{name: clause or None for name, clause in found})
