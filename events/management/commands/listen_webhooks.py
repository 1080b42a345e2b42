"""A small receiver of webhooks for a laptop: it verifies each message and prints it."""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from standardwebhooks import Webhook, WebhookVerificationError

MOST_BYTES = 1_000_000


class Command(BaseCommand):
    """It listens on the loopback address, so the sender needs WEBHOOK_ALLOW_PRIVATE=true."""

    help = "Receive webhooks on the loopback address, verify them and print them."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the port; the secret comes by the environment, so that no list of processes shows it."""
        parser.add_argument("--port", type=int, default=9000)
        parser.add_argument("--count", type=int, default=0, help="end after so many messages; 0: go on")

    def handle(self, *args: Any, **options: Any) -> None:
        """Listen until interrupted. Raises CommandError without a secret."""
        secret = os.environ.get("WEBHOOK_SECRET", "")
        if not secret.startswith("whsec_"):
            raise CommandError("Set WEBHOOK_SECRET to the secret that was shown when the webhook was made (whsec_…).")
        server = ThreadingHTTPServer(("127.0.0.1", options["port"]), _handler(webhook=Webhook(secret), command=self))
        self.stdout.write(f"Listening on http://127.0.0.1:{server.server_address[1]}/")
        try:
            if options["count"]:
                for _ in range(options["count"]):
                    server.handle_request()
            else:
                server.serve_forever()
        except KeyboardInterrupt:
            return
        finally:
            server.server_close()


def _handler(*, webhook: Webhook, command: BaseCommand) -> type[BaseHTTPRequestHandler]:
    """Return what answers 204 to a message whose signature holds, and 401 to any other."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_POST(self) -> None:
            body = self.rfile.read(min(int(self.headers.get("content-length") or 0), MOST_BYTES))
            try:
                event = webhook.verify(body, dict(self.headers))
            except (WebhookVerificationError, ValueError) as problem:
                command.stdout.write(f"refused: {problem}")
                self.send_error(401)
                return
            command.stdout.write(f"{self.headers['webhook-id']} {json.dumps(event, ensure_ascii=False)}")
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Say nothing more."""

    return Handler
