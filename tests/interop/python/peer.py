"""A service traced by a real SDK: `python peer.py <sentry|opentelemetry> <sampled|unsampled|deferred>`.

The first line on stdout names its port and the SDK's version. Each line on stdin, `{"url", "baggage"}`, begins a
trace, sends one request in it and is answered by one line. A request to the port is continued; with `?next=<url>`,
it is sent on to that address. Each answer says what the SDK itself makes of the trace.
It ends with its stdin, and sends nothing but those requests.
"""

import importlib
import json
import sys
import threading
import traceback
import urllib.request
from urllib.parse import parse_qs
from wsgiref.simple_server import WSGIRequestHandler, make_server


def main(dialect, decision):
    sdk = importlib.import_module(f"{dialect}_peer").Sdk(decision)

    def send(url, baggage=None):
        def fetch(headers):
            with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as response:
                return json.load(response)

        return sdk.outgoing(baggage, fetch)

    def app(environ, start_response):
        query = parse_qs(environ["QUERY_STRING"])

        def work(report):
            following = send(query["next"][0]) if "next" in query else None
            return report | {"headers": environ["peer.headers"], "next": following}

        try:
            body, status = json.dumps(sdk.continued(environ, work)), "200 OK"
        except Exception:
            body, status = traceback.format_exc(), "502 Bad Gateway"
        start_response(status, [("content-type", "application/json")])
        return [body.encode()]

    with make_server("127.0.0.1", 0, sdk.middleware(app), handler_class=Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(json.dumps({"port": server.server_port, "version": sdk.version}), flush=True)
        for line in sys.stdin:
            command = json.loads(line)
            baggage = command.get("baggage")
            try:
                answer = sdk.begin(baggage, lambda report: report | {"next": send(command["url"], baggage)})
            except Exception:
                answer = {"error": traceback.format_exc()}
            print(json.dumps(answer), flush=True)
        server.shutdown()




class Handler(WSGIRequestHandler):
    def get_environ(self):
        headers = [[name.lower(), value] for name, value in self.headers.items()]
        return super().get_environ() | {"peer.headers": headers}

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    main(*sys.argv[1:])
