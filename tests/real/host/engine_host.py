# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with a site of its own and Redis, on which the engine's package is installed, upgraded and purged."""
import contextlib
import re
import shutil

from harness.token import make_token
from harness.wait import wait_for
from machine import Machine

ENGINE, SIDECAR, SITE = 8005, 8006, 80
# Packages, unit, and a file that makes the site say "site 42".
WEB_SERVERS = {
    "nginx": (["nginx"], "nginx", "index.html", "site 42"),
    "apache": (["apache2", "libapache2-mod-php"], "apache2", "index.php", "<?php echo 'site ', 6 * 7;"),
}
# What the kernel, apt, dpkg, systemd, Redis and logs change by themselves.
CHANGING = """proc sys dev run tmp var/lib/apt var/lib/dpkg var/cache var/log var/lib/redis var/lib/systemd/timers
    var/lib/systemd/catalog var/lib/logrotate var/lib/php root/packages""".split()


class Host(Machine):
    def __init__(self, parts, lower, folder, web_server):
        super().__init__(lower, folder)
        self.parts, self.web_server = parts, web_server
        self.packages, self.unit, self.page, self.text = WEB_SERVERS[web_server]

    def make_site(self):
        self.install(*self.packages, "redis-server")
        shutil.rmtree(self.path("var/www/html"))
        self.path("var/www/html").mkdir()
        self.path(f"var/www/html/{self.page}").write_text(self.text)

    # ---- the host's own ----

    def site(self):
        """What the host's own site responds."""
        client = self.client(SITE)
        try:
            response = client.get("/")
            return response.status, response.text.strip()
        finally:
            client.close()

    def site_process(self):
        return self.show(self.unit, "MainPID", "NRestarts")

    def files(self):
        """Every path, with the checksum of settings and pages."""
        pruned = " -o ".join(f"-path /{path}" for path in CHANGING)
        names = self.sh(f"find / -xdev \\( {pruned} \\) -prune -o -print").splitlines()
        sums = self.sh("find /etc /var/www /usr/local /var/spool -type f -print0 | xargs -0 sha256sum")
        checksums = {path: checksum for checksum, path in re.findall(r"^([0-9a-f]{64})  (.*)$", sums, re.MULTILINE)}
        ignored = ("/etc/ld.so.cache", "/etc/passwd-", "/etc/group-", "/etc/shadow-", "/etc/gshadow-")
        return {name: checksums.get(name) for name in names if name not in ignored}

    # ---- the engine ----

    def package(self, which):
        """The package's path in the host; which: old or new."""
        [package] = (self.parts / which).glob("mastery-engine_*.deb")
        folder = self.path("root/packages")
        folder.mkdir(exist_ok=True)
        shutil.copy(package, folder / f"{which}.deb")
        return f"/root/packages/{which}.deb"

    def install_engine(self, which="new", *options):
        return self.install(*options, self.package(which))

    def purge(self):
        self.run("apt-get", "-q", "-y", "purge", "mastery-engine")

    def serve(self, which="new"):
        """Installs the engine without limits of requests, and waits until it serves."""
        if which == "old":
            self.mend_nginx_of_0_1_0()
        self.install_engine(which)
        self.sh("echo RATE_LIMITS=off >>/etc/mastery-engine/nginx.env")
        if self.web_server == "nginx":
            self.run("systemctl", "restart", "mastery-engine-nginx")
        else:
            self.serve_by_apache()
        self.wait_ready()

    def mend_nginx_of_0_1_0(self):
        """Its unit forbids a system call that render-nginx needs, so whoever has it has added this."""
        folder = self.path("etc/systemd/system/mastery-engine-nginx.service.d")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "pipe.conf").write_text("[Service]\nSystemCallFilter=pipe pipe2\n")

    def serve_by_apache(self):
        """The commands of docs/host.md."""
        self.sh("a2enmod -q proxy_fcgi headers setenvif unique_id reqtimeout buffer alias env")
        self.sh("a2ensite -q mastery-engine && systemctl reload apache2")

    def wait_ready(self):
        wait_for(lambda: self.status("/ready") == 200, "the engine ready")

    def status(self, path):
        client = self.client(ENGINE)
        with contextlib.suppress(OSError):
            try:
                return client.get(path).status
            finally:
                client.close()
        return None

    def admin(self):
        secret = self.path("etc/mastery-engine/secrets/jwt").read_text().split()[0]
        return self.client(ENGINE, make_token(secret, "root", "admin"))

    def version(self):
        return self.run("dpkg-query", "--show", "--showformat", "${Version}", "mastery-engine")

    def processes(self):
        """Process of each unit of the engine that runs."""
        units = ["mastery-engine@1", "mastery-engine@2", "mastery-worker"]
        return {unit: self.show(unit, "MainPID")["MainPID"] for unit in units}

    def journal(self, *options):
        return self.run("journalctl", "--no-pager", "-o", "cat", "-u", "mastery-engine@*", *options).splitlines()
