# SPDX-License-Identifier: GPL-3.0-or-later
"""A second nginx in front of a pool's socket, no more than the tests of the pool need."""
import getpass
import grp
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

from harness.client import Client
from harness.ports import free_port
from harness.wait import wait_for

TEMPLATE = """
daemon off;
user {user};
pid {folder}/pid;
error_log {folder}/error.log;
worker_processes 1;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    fastcgi_temp_path {folder}/fastcgi;
    proxy_temp_path {folder}/proxy;
    scgi_temp_path {folder}/scgi;
    uwsgi_temp_path {folder}/uwsgi;
    upstream pool {{
        server unix:{pool};
        keepalive {keepalive};
        keepalive_requests {keepalive_requests};
    }}
    server {{
        listen 127.0.0.1:{port};
        keepalive_requests 1000000;
        location / {{
            fastcgi_pass pool;
            fastcgi_keep_conn on;
            fastcgi_next_upstream off;
            fastcgi_read_timeout 12s;
            fastcgi_pass_request_headers off;
            fastcgi_param REQUEST_METHOD $request_method;
            fastcgi_param REQUEST_URI $request_uri;
            fastcgi_param DOCUMENT_URI $uri;
            fastcgi_param REQUEST_ID $request_id;
            fastcgi_param CONTENT_TYPE $content_type if_not_empty;
            fastcgi_param CONTENT_LENGTH $content_length if_not_empty;
            fastcgi_param HTTP_AUTHORIZATION $http_authorization if_not_empty;
        }}
    }}
}}
"""


class Nginx:
    def __init__(self, pool_socket, keepalive=64, keepalive_requests=1000):
        self.folder = Path(tempfile.mkdtemp(prefix="mn-"))
        self.port = free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self._text = TEMPLATE.format(
            user=f"{getpass.getuser()} {grp.getgrgid(os.getgid()).gr_name}",
            folder=self.folder,
            pool=pool_socket,
            port=self.port,
            keepalive=keepalive,
            keepalive_requests=keepalive_requests,
        )
        self.process = None

    def __enter__(self):
        config = self.folder / "nginx.conf"
        config.write_text(self._text)
        self.process = subprocess.Popen(
            ["nginx", "-p", str(self.folder), "-e", str(self.folder / "error.log")]
            + ["-c", str(config)]
        )
        wait_for(self._listens, "nginx up")
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _listens(self):
        with socket.socket() as sock:
            return sock.connect_ex(("127.0.0.1", self.port)) == 0

    def client(self, token=None):
        return Client(self.base_url, token)
