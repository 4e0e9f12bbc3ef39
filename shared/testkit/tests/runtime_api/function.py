#!/usr/bin/env python3
"""A Lambda function that speaks the runtime API with nothing but the standard library.

An event says what to do: {"do": "echo" | "fail" | "garbage" | "exit" | "sleep" | "environment"}.
"""

import json
import os
import sys
import time
import urllib.request

BASE = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/"


def post(path, body, headers=None):
    request = urllib.request.Request(BASE + path, data=body, headers=headers or {}, method="POST")
    urllib.request.urlopen(request, timeout=30).read()


if os.environ.get("BREAK") == "init":
    post("init/error", json.dumps({"errorType": "Config", "errorMessage": "no policy"}).encode())
    time.sleep(60)
if os.environ.get("BREAK") == "exit":
    print("cannot start", file=sys.stderr)
    sys.exit(3)
if os.environ.get("BREAK") == "hang":
    print("waiting for nothing", flush=True)
    time.sleep(60)

print("ready", flush=True)
while True:
    with urllib.request.urlopen(BASE + "invocation/next", timeout=60) as response:
        request_id = response.headers["Lambda-Runtime-Aws-Request-Id"]
        deadline = int(response.headers["Lambda-Runtime-Deadline-Ms"])
        event = json.load(response)
    do = event["do"]
    print("event " + do, file=sys.stderr, flush=True)
    if do == "exit":
        sys.exit(7)
    if do == "sleep":
        time.sleep(60)
    if do == "fail":
        error = {"errorType": "RegistryUnavailable", "errorMessage": "mirror is down"}
        header = {"Lambda-Runtime-Function-Error-Type": "Other"}
        post("invocation/" + request_id + "/error", json.dumps(error).encode(), header)
        continue
    answer = {"event": event, "left_ms": deadline - int(time.time() * 1000)}
    if do == "environment":
        answer = dict(os.environ)
    body = b"{not json" if do == "garbage" else json.dumps(answer).encode()
    post("invocation/" + request_id + "/response", body)
