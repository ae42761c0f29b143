"""A program that the tests run inside interfaces: asks the VPC's resolver NAME TYPE, and prints what it says as JSON."""

from __future__ import annotations

import json
import os
import sys

import dns.message
import dns.query
import dns.rcode
import dns.rdatatype


def main(name: str, kind: str) -> None:
    host, port = os.environ["SIDEDOOR_RESOLVER"].rsplit(":", 1)
    reply = dns.query.udp(dns.message.make_query(name, kind), host, timeout=5, port=int(port))
    records = [record.to_text() for rrset in reply.answer for record in rrset]
    print(json.dumps({"rcode": dns.rcode.to_text(reply.rcode()), "records": sorted(records)}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
