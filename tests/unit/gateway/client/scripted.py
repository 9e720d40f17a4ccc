"""A web server on loopback whose answers a test writes; tests/contract/test_client.py has the real ones."""

import http.server
import json
import threading
from contextlib import contextmanager


class Scripted:
    """Answers (status, headers, body), one a request and the last for ever; `seen`: (method, path, headers, body)."""

    def __init__(self, *answers):
        self.answers, self.seen, self.connections = list(answers), [], 0
        script = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                script.connections += 1
                super().setup()

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                script.seen.append((self.command, self.path, dict(self.headers), body))
                told = script.answers.pop(0) if len(script.answers) > 1 else script.answers[0]
                if told is None:  # hang up
                    self.close_connection = True
                    return
                status, headers, data = told
                data = data if isinstance(data, bytes) else json.dumps(data).encode()
                self.send_response(status)
                for name, value in {"Content-Length": str(len(data)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)
                if headers.get("Connection") == "close" or int(headers.get("Content-Length", len(data))) > len(data):
                    self.close_connection = True

            do_GET = do_POST = answer  # noqa: N815 - http.server's names

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.server.server_port}"


@contextmanager
def scripted(*answers):
    """Serve a script."""
    script = Scripted(*answers)
    thread = threading.Thread(target=script.server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield script
    finally:
        script.server.shutdown()
        thread.join()
        script.server.server_close()
