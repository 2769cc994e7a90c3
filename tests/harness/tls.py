# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate authority of the tests' own."""
import datetime
import ipaddress
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)


def named(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def alternative(name):
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


class Authority:
    """Makes certificates into a folder; its own is the file `path`."""

    def __init__(self, folder, name="An authority for tests"):
        self.folder, self.name = folder, named(name)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.path = folder / "authority.pem"
        constraints = x509.BasicConstraints(ca=True, path_length=0)
        self._write(self.path, self._signed(self.name, self.key, constraints))

    def issue(self, *names, has_expired=False):
        """(certificate, key) as files, for these host names and addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        alternatives = x509.SubjectAlternativeName([alternative(name) for name in names])
        certificate = self._signed(named(names[0]), key, alternatives, has_expired)
        paths = [self.folder / f"{certificate.serial_number:x}.{kind}" for kind in ("pem", "key")]
        self._write(paths[0], certificate)
        paths[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return paths

    def context(self, **settings):
        """Of a client that believes this authority and no other."""
        context = ssl.create_default_context(cafile=str(self.path))
        for name, value in settings.items():
            setattr(context, name, value)
        return context

    def _signed(self, subject, key, extension, has_expired=False):
        now = datetime.datetime.utcnow() - (60 * DAY if has_expired else 0 * DAY)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - DAY)
            .not_valid_after(now + 30 * DAY)
            .add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
            .sign(self.key, hashes.SHA256())
        )

    @staticmethod
    def _write(path, certificate):
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
