"""Signatures against the worked example of the specification."""

from yarl import URL

from brokers.massive.sigv4 import Keys, signed
from qm.clock import SECOND
from qm.log import Secret

# AWS, "Examples: Signature Calculations in AWS Signature Version 4", GET Object with a range.
KEYS = Keys(Secret("AKIAIOSFODNN7EXAMPLE"), Secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"))
FRIDAY = 1_369_353_600 * SECOND  # 2013-05-24T00:00:00Z


def test_the_example_of_the_specification() -> None:
    url = URL("https://examplebucket.s3.amazonaws.com/test.txt")
    headers = signed(KEYS, "GET", url, FRIDAY, {"Range": "bytes=0-9"})
    assert headers["x-amz-date"] == "20130524T000000Z"
    assert headers["Authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
        "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"
        "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    )


def test_the_example_with_a_query() -> None:
    url = URL("https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J")
    signature = signed(KEYS, "GET", url, FRIDAY)["Authorization"].partition("Signature=")[2]
    assert signature == "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
