"""Rules of what stands between connections and the application, by ASGI messages."""

import asyncio
import threading
import time

from gateway.front import Front
from gateway.settings import Settings
from tests import loop

SCOPE = {
    "type": "http",
    "http_version": "1.1",
    "method": "POST",
    "scheme": "http",
    "path": "/pr\u00fcfen",
    "raw_path": b"/pr%C3%BCfen",
    "query_string": b"a=%20",
    "headers": [(b"host", b"x"), (b"accept", b"a"), (b"accept", b"b"), (b"content-length", b"4"), (b"x_y", b"z")],
    "server": ("10.0.0.1", 9696),
    "client": ("10.0.0.2", 50000),
}


class Client:
    """One that sends a body, and leaves when `leave` is called."""

    def __init__(self, *parts):
        self.answer = []
        self.parts = list(parts) or [b"abcd"]
        self.gone = asyncio.Event()

    async def receive(self):
        if self.parts:
            return {"type": "http.request", "body": self.parts.pop(0), "more_body": bool(self.parts)}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        self.answer.append(message)

    @property
    def status(self):
        return self.answer[0]["status"] if self.answer else None


def wsgi(seen):
    def application(environment, start_response):
        seen.append(environment)
        refusal = environment.get("gateway.refusal")
        start_response(f"{refusal.kind.status} Refused" if refusal else "200 OK", [("Content-Type", "text/plain")])
        return [b"an", b"swer"]

    return application


def ask(front, client, **scope):
    loop.run(front(SCOPE | scope, client.receive, client.send))
    return client


def test_a_request_becomes_wsgi():
    """Path, query, addresses, headers and body arrive as PEP 3333 has them; headers with underscores do not."""
    seen = []
    client = ask(Front(wsgi(seen), Settings()), Client(b"ab", b"cd"))
    assert ([(b"content-type", b"text/plain")], b"answer") == (client.answer[0]["headers"], client.answer[1]["body"])
    (environment,) = seen
    assert "/pr\u00fcfen".encode() == environment["PATH_INFO"].encode("latin-1")
    assert ("a=%20", "10.0.0.2") == (environment["QUERY_STRING"], environment["REMOTE_ADDR"])
    assert "4" == environment["CONTENT_LENGTH"]
    assert ("a,b", "x") == (environment["HTTP_ACCEPT"], environment["HTTP_HOST"])
    assert "HTTP_X_Y" not in environment
    assert b"abcd" == environment["wsgi.input"].read()


def test_work_hears_of_its_clients_leaving():
    """A client that leaves takes the time away from the work for it, and gets no answer."""
    client, working, heard = None, threading.Event(), []

    def application(environment, start_response):
        working.set()
        began_s = time.monotonic()
        environment["gateway.deadline"].wait(threading.Event())
        heard.append((environment["gateway.deadline"].gone, time.monotonic() - began_s))
        start_response("499 Gone", [])
        return []

    async def leave_midway():
        nonlocal client
        client = Client()
        asked = asyncio.create_task(Front(application, Settings(timeout_s=30.0))(SCOPE, client.receive, client.send))
        await asyncio.to_thread(working.wait, 10)
        client.gone.set()
        await asked

    loop.run(leave_midway())
    ((gone, took_s),) = heard
    assert (True, []) == (gone, client.answer)
    assert took_s < 5.0


def test_more_than_is_worked_on_is_refused():
    """Requests beyond what can be worked on are refused without a thread; probes, pages and links have their own."""
    settings = Settings(max_decodes=1, max_in_flight=1, max_waiting=0)
    enter, leave = threading.Barrier(5), threading.Event()

    def application(environment, start_response):
        body = environment["wsgi.input"].read()
        if body == b"busy" and "gateway.refusal" not in environment:
            enter.wait(10)
            leave.wait(10)
        return wsgi([])(environment, start_response)

    async def crowd():
        front = Front(application, settings)
        first = [Client(b"busy") for _ in range(4)]
        asked = [asyncio.create_task(front(SCOPE, one.receive, one.send)) for one in first]
        await asyncio.to_thread(enter.wait, 10)
        late, link, probe, page = Client(), Client(b"{}"), Client(b""), Client(b"")
        await front(SCOPE, late.receive, late.send)
        json = {"headers": [(b"content-type", b"application/json")]}
        for client, scope in (
            (link, json),
            (probe, {"method": "GET", "raw_path": b"/healthz"}),
            (page, {"method": "GET"}),
        ):
            await front(SCOPE | {"headers": []} | scope, client.receive, client.send)
        leave.set()
        await asyncio.gather(*asked)
        return [one.status for one in (*first, late, link, probe, page)]

    assert [200] * 4 + [429] + [200] * 3 == loop.run(crowd())


def test_a_refusal_gives_back_what_was_held():
    """Bodies that are refused, or whose clients leave, count no more among all bodies."""
    settings = Settings(max_body_bytes=1024, max_buffered_bytes=2**20, read_timeout_s=0.05)
    front = Front(wsgi([]), settings)
    chunked = [header for header in SCOPE["headers"] if header[0] != b"content-length"]
    assert 413 == ask(front, Client(b"x" * 2000, b"x"), headers=chunked).status

    messages = [{"type": "http.request", "body": b"x" * 500, "more_body": True}, {"type": "http.disconnect"}]

    async def receive():
        return messages.pop(0)

    leaver = Client()
    loop.run(front(SCOPE, receive, leaver.send))
    assert None is leaver.status
    assert 0 == front._buffers.held_bytes
