//! The COOKIE option: parsed, verified and made, against RFC 7873 and 9018 written a second time
//! with the SipHash-2-4 of the standard library.
//!
//! Octet 0: bits 0 and 1 the number of secrets less 1, bit 2 an IPv6 client, bits 3 and 4 what the
//! cookie is: the octets at the end as they are (0), or one of this server's, of which one octet is
//! changed (2) or not (1, 3); bits 5 and 6 by which secret. Then a secret, the time, the cookie's
//! age, which octet is changed and how, and the client's address.

use std::hash::Hasher;
use std::net::IpAddr;

use cvdns_core::abuse::CookieSecrets;
use cvdns_core::problem::Problems;
use cvdns_core::wire::cookie::QueryCookie;

use super::octets::Octets;

/// RFC 9018 section 4.4, over the client's part and the first eight octets of the server's.
fn hash(secret: &[u8; 16], cookie: &[u8], source: IpAddr) -> [u8; 8] {
    let word = |at: usize| u64::from_le_bytes(*secret[at..].first_chunk().unwrap());
    #[allow(deprecated)]
    let mut hasher = std::hash::SipHasher::new_with_keys(word(0), word(8));
    hasher.write(cookie);
    match source {
        IpAddr::V4(address) => hasher.write(&address.octets()),
        IpAddr::V6(address) => hasher.write(&address.octets()),
    }
    hasher.finish().to_le_bytes()
}

fn make(secret: &[u8; 16], client: &[u8], reserved: [u8; 3], time: u32, source: IpAddr) -> Vec<u8> {
    let mut cookie = [client, &[1], &reserved, &time.to_be_bytes()].concat();
    let hash = hash(secret, &cookie, source);
    cookie.extend(hash);
    cookie
}

/// Whether and by which secret a cookie is valid, and its age in seconds.
fn verify(secrets: &[[u8; 16]], cookie: &[u8], source: IpAddr, now: u32) -> Option<(usize, i32)> {
    if cookie.len() != 24 || cookie[8] != 1 {
        return None;
    }
    let time = u32::from_be_bytes(*cookie[12..].first_chunk().unwrap());
    // RFC 1982: the difference modulo 2^32, as a signed number.
    let age = now.wrapping_sub(time).cast_signed();
    let by = secrets.iter().position(|secret| hash(secret, &cookie[..16], source) == cookie[16..]);
    by.filter(|_| (-300..=3600).contains(&age)).map(|by| (by, age))
}

/// What is parsed, valid and answered is what the second writing says.
pub fn run(input: &[u8]) {
    let mut octets = Octets(input);
    let how = octets.u8();
    let first: [u8; 16] = octets.array();
    // Different ones: the file may not have one twice.
    let secrets: Vec<[u8; 16]> = (0..=how & 3)
        .map(|number| {
            let mut secret = first;
            secret[15] ^= number;
            secret
        })
        .collect();
    let hex = |secret: &[u8; 16]| format!("{:032x}\n", u128::from_be_bytes(*secret));
    let file: String = secrets.iter().map(hex).collect();
    let mut problems = Problems::default();
    let known = CookieSecrets::parse("secrets", &file, &mut problems).expect("secrets");
    assert!(problems.is_empty());

    let (now, age) = (octets.u32(), octets.u32());
    let [at, change] = octets.array();
    let source = if how & 4 == 4 {
        IpAddr::from(octets.array::<16>())
    } else {
        IpAddr::from(octets.array::<4>())
    };
    let mut data = octets.slice(64).to_vec();
    let kind = how >> 3 & 3;
    if kind > 0 {
        data.resize(11, 0);
        let secret = &secrets[usize::from(how >> 5 & 3) % secrets.len()];
        let reserved = *data[8..].first_chunk().unwrap();
        data = make(secret, &data[..8], reserved, now.wrapping_sub(age), source);
        if kind == 2 {
            data[usize::from(at) % 24] ^= change;
        }
    }

    let parsed = QueryCookie::parse(&data);
    assert_eq!(parsed.is_some(), data.len() == 8 || (16..=40).contains(&data.len()));
    let Some(cookie) = parsed else { return };
    let checked = cookie.check(&known, source, now);
    let valid = verify(&secrets, &data, source, now);
    assert_eq!(checked.is_valid, valid.is_some());
    // RFC 9018 section 4.3: a new one after half an hour, or if it is not by the first secret.
    let expected = match valid {
        Some((0, age)) if age <= 1800 => data.clone(),
        _ => make(&secrets[0], &data[..8], [0; 3], now, source),
    };
    assert_eq!(checked.answer[..], expected[..]);
}
