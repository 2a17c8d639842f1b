"""A function that does nothing but answer."""


def handle(request):
    return {"status": "ok"}
