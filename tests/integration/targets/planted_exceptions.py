"""A service that keeps failed jobs with their exceptions: each traceback keeps frames, and these keep what they worked on."""

from planted_shop import Shop, serve


class JobFailed(Exception):
    """A job could not be done."""


class Failure:
    """What is noted of a failed job."""

    def __init__(self, number, error):
        self.number = number
        self.error = error


class Worker:
    """Does jobs, and remembers those that failed."""

    def __init__(self):
        self.done = 0
        self.failures = []

    def run(self, number):
        """Do a job; note it for a later look if it fails."""
        try:
            import_document(number)
        except JobFailed as error:
            self.failures.append(Failure(number, error))
        self.done += 1


def import_document(number):
    """Read a document into memory, and store it."""
    document = ["line %d of document %d" % (line, number) for line in range(250)]
    index = {line: len(text) for line, text in enumerate(document)}
    store(document, index, number)


def store(document, index, number):
    """Fail for one document in eight."""
    if number % 8 == 0:
        raise JobFailed("document %d has %d lines, %d are known" % (number, len(document), len(index)))


WORKER = Worker()


def handle(number):
    """Serve one request."""
    WORKER.run(number)


if __name__ == "__main__":
    SHOP = Shop()
    for JOB in range(4_337):
        handle(JOB)
    serve(SHOP, handle)
