import os

__version__ = os.environ.get("FAKE_DBT_VERSION", "1.12.6")
