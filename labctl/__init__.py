"""labctl: hands-on labs for container, Kubernetes and virtualization security."""

__version__ = "0.1.0"
