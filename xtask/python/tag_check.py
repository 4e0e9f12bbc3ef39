"""The same job as tag-guard's check, as one writes it in Python: the baseline of the start-up benchmark."""

import json
import re

import boto3

ECR = boto3.client("ecr")
SEMVER = re.compile(r"v?\d+\.\d+\.\d+([-+].*)?")


def lambda_handler(event, _context):
    failures = []
    for record in event.get("Records", []):
        detail = json.loads(record["body"])["detail"]
        tag = detail.get("image-tag")
        if tag and not SEMVER.fullmatch(tag):
            ECR.describe_images(repositoryName=detail["repository-name"], imageIds=[{"imageTag": tag}])
    return {"batchItemFailures": failures}
