"""A FastAPI application with marker objects, to run under uvicorn."""

import fastapi


class Marker:
    """What a capture must count exactly."""

    def __init__(self, number):
        self.number = number


MARKERS = [Marker(number) for number in range(4321)]
app = fastapi.FastAPI()


@app.get("/")
async def index():
    """Answer with something computed from the heap."""
    return {"sum": sum(marker.number for marker in MARKERS)}
