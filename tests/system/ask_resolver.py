"""A program that the tests run inside interfaces: asks the VPC's resolver NAME TYPE, and prints what it says as JSON.

A third argument says how: ``tcp``, ``edns``, or ``fallback`` for UDP and then TCP where the answer was cut.
"""

from __future__ import annotations

import json
import os
import sys

import dns.message
import dns.query
import dns.rcode
import dns.rdatatype


def main(name: str, kind: str, how: str = "udp") -> None:
    host, port = os.environ["SIDEDOOR_RESOLVER"].rsplit(":", 1)
    query = dns.message.make_query(name, kind, use_edns=0 if how == "edns" else -1)
    over_tcp = how == "tcp"
    if how == "fallback":
        reply, over_tcp = dns.query.udp_with_fallback(query, host, timeout=5, port=int(port))
    else:
        reply = (dns.query.tcp if over_tcp else dns.query.udp)(query, host, timeout=5, port=int(port))
    records = [record.to_text() for rrset in reply.answer for record in rrset]
    facts = {
        "rcode": dns.rcode.to_text(reply.rcode()),
        "records": sorted(records),
        "ttls": [rrset.ttl for rrset in reply.answer],
        "no for": [(rrset.ttl, rrset[0].minimum) for rrset in reply.authority if rrset.rdtype == dns.rdatatype.SOA],
        "edns": reply.edns,
        "over tcp": over_tcp,
    }
    print(json.dumps(facts), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
