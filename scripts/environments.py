"""Environments of Python with what a script needs from PyPI, in folders of their own."""

import os
import subprocess
import venv


def redis_py(folder):
    """A Python that has redis-py."""
    where = os.path.join(folder, "environment")
    venv.create(where, with_pip=True)
    python = os.path.join(where, "bin", "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "redis"], check=True)
    return python
