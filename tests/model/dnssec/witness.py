# Verifies responses by dnspython. Reads the moment, a line for each key (zone and RDATA), an empty line, and a line
# for each response, all in hexadecimal. Prints how many responses are secure, or ends with what is wrong with one.
import sys

import dns.dnssec
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype as types
import dns.rrset

ROOT = dns.name.root


def key_sets(lines):
    sets = {}
    for line in lines:
        if not line.strip():
            return sets
        zone, rdata = line.split()
        zone, rdata = dns.name.from_text(zone), bytes.fromhex(rdata)
        rdata = dns.rdata.from_wire(dns.rdataclass.IN, types.DNSKEY, rdata, 0, len(rdata))
        sets.setdefault(zone, dns.rrset.RRset(zone, dns.rdataclass.IN, types.DNSKEY)).add(rdata)
    return sets


def is_unsigned(section, is_authority, rrset):
    if is_authority:
        return rrset.rdtype == types.NS
    # A CNAME record that a DNAME record stands for (RFC 6672 section 5.3.1).
    return rrset.rdtype == types.CNAME and any(
        of.rdtype == types.DNAME and rrset.name != of.name and rrset.name.is_subdomain(of.name)
        and rrset[0].target == rrset.name.relativize(of.name).derelativize(of[0].target)
        for of in section
    )


def verify(section, is_authority, keys, now):
    for rrset in section:
        if rrset.rdtype == types.RRSIG or is_unsigned(section, is_authority, rrset):
            continue
        signatures = [of for of in section
                      if of.rdtype == types.RRSIG and of.covers == rrset.rdtype and of.name == rrset.name]
        if not signatures:
            raise ValueError(f"unsigned: {rrset}")
        for signature in signatures[0]:
            dns.dnssec.validate_rrsig(rrset, signature, keys, now=now)


def covers(nsec, name):
    owner, next = nsec.name, nsec[0].next
    return (owner < name < next) if owner < next else owner < name


def has(nsec, rdtype):
    return any(window == rdtype // 256 and rdtype % 256 // 8 < len(bits)
               and bits[rdtype % 256 // 8] & (0x80 >> rdtype % 8) for window, bits in nsec[0].windows)


def above(name, nsec):
    # The closest encloser of a name that an NSEC record covers.
    for depth in range(len(name.labels) - 1, 0, -1):
        parent = dns.name.Name(name.labels[-depth:])
        if nsec.name.is_subdomain(parent) or nsec[0].next.is_subdomain(parent):
            return parent
    return ROOT


def deny(message, name, rdtype):
    # A negative answer about a name itself (RFC 4035 section 5.4).
    nsecs = [rrset for rrset in message.authority if rrset.rdtype == types.NSEC]
    own = [nsec for nsec in nsecs if nsec.name == name]
    if message.rcode() == dns.rcode.NOERROR and own:
        if has(own[0], rdtype) or has(own[0], types.CNAME):
            raise ValueError(f"the type is there: {own[0]}")
        return
    covering = [nsec for nsec in nsecs if covers(nsec, name)]
    if not covering:
        raise ValueError("the name is not denied")
    if message.rcode() == dns.rcode.NOERROR and covering[0][0].next.is_subdomain(name):
        return
    wildcard = dns.name.Name((b"*",) + above(name, covering[0]).labels)
    if message.rcode() == dns.rcode.NXDOMAIN:
        if not any(covers(nsec, wildcard) for nsec in nsecs):
            raise ValueError(f"{wildcard} is not denied")
        return
    if any(covers(nsec, wildcard) and nsec[0].next.is_subdomain(wildcard) for nsec in nsecs):
        return
    own = [nsec for nsec in nsecs if nsec.name == wildcard]
    if not own or has(own[0], rdtype):
        raise ValueError(f"{wildcard} has the type")


def check(message, keys, now):
    verify(message.answer, False, keys, now)
    verify(message.authority, True, keys, now)
    question = message.question[0]
    if not message.answer and any(rrset.rdtype == types.SOA for rrset in message.authority):
        deny(message, question.name, question.rdtype)


def main():
    lines = iter(sys.stdin)
    now = int(next(lines))
    keys = key_sets(lines)
    count = 0
    for line in lines:
        message = dns.message.from_wire(bytes.fromhex(line.strip()))
        try:
            check(message, keys, now)
        except Exception as error:
            sys.exit(f"{error!r} in {message}")
        count += 1
    print(count)


main()
