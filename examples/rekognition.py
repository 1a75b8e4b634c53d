"""Ages and genders through Amazon's own client, from a server on this machine: start `onlooker serve`, then
`python examples/rekognition.py people.jpg` (pip install boto3). A program that calls Rekognition already changes
nothing: it is started with AWS_ENDPOINT_URL_REKOGNITION=http://localhost:8000."""

import sys
from pathlib import Path

import boto3

client = boto3.client(
    "rekognition",
    endpoint_url="http://localhost:8000",
    region_name="us-east-1",  # any: boto3 wants one
    aws_access_key_id="any",  # where the server asks for keys, what `onlooker keys add NAME --rekognition` prints
    aws_secret_access_key="any",  # noqa: S106 (no secret)
)
for path in map(Path, sys.argv[1:]):
    for face in client.detect_faces(Image={"Bytes": path.read_bytes()}, Attributes=["ALL"])["FaceDetails"]:
        age, gender = face["AgeRange"], face["Gender"]
        print(f"{path}: {age['Low']} to {age['High']} years, {gender['Value']} ({gender['Confidence']:.0f} %)")  # noqa: T201
