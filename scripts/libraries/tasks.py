"""What the workers of the library test run."""

import os


def add(left, right):
    return left + right


if "HYPERION_TEST_PORT" in os.environ:
    from celery import Celery

    port = os.environ["HYPERION_TEST_PORT"]
    app = Celery("library-test", broker=f"redis://127.0.0.1:{port}/1", backend=f"redis://127.0.0.1:{port}/2")

    @app.task
    def multiply(left, right):
        return left * right
