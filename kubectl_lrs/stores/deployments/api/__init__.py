"""The application's REST API itself: where and as whom, plain dicts in and out, its errors as ours."""
