//! DNS cookies (RFC 7873) whose server part other servers can verify too (RFC 9018).

use std::hash::Hasher;
use std::net::IpAddr;

use siphasher::sip::SipHasher24;

use super::secrets::{CookieSecrets, Secret};
use crate::wire::cookie::{AnswerCookie, CLIENT, QueryCookie, SERVER, ServerPart};

/// What a server says to a cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckedCookie {
    /// Whether the client has shown that it receives what is sent to its address.
    pub is_valid: bool,
    /// The cookie for the answer.
    pub answer: AnswerCookie,
}

/// Version 1: SipHash-2-4 (RFC 9018 section 4.1).
const VERSION: u8 = 1;

/// Seconds for which a cookie is valid, and for which it may be ahead of the clock of a server that
/// shares the secret (RFC 9018 section 4.3).
const VALID: i32 = 3600;
const AHEAD: i32 = 300;

/// Seconds after which a client gets a new one (RFC 9018 section 4.3).
const FRESH: i32 = 1800;

impl QueryCookie {
    /// Verifies the server's part, and makes the cookie for the answer. `now` is the Unix time in
    /// seconds modulo 2^32.
    pub fn check(&self, secrets: &CookieSecrets, source: IpAddr, now: u32) -> CheckedCookie {
        let verified = match self.server {
            ServerPart::Known(server) => self.verify(&server, secrets, source, now),
            ServerPart::Absent | ServerPart::Foreign => None,
        };
        let server = match verified {
            Some(Verified { server, is_fresh: true }) => server,
            _ => self.make(secrets.first(), source, now),
        };
        let mut answer = [0; CLIENT + SERVER];
        let octets = self.client.into_iter().chain(server);
        answer.iter_mut().zip(octets).for_each(|(to, octet)| *to = octet);
        CheckedCookie { is_valid: verified.is_some(), answer }
    }

    fn verify(
        &self,
        server: &[u8; SERVER],
        secrets: &CookieSecrets,
        source: IpAddr,
        now: u32,
    ) -> Option<Verified> {
        let [version, r1, r2, r3, t3, t2, t1, t0, hash @ ..] = *server;
        let time = u32::from_be_bytes([t3, t2, t1, t0]);
        // Serial number arithmetic (RFC 1982), as RFC 9018 section 4.3 asks.
        let age = now.wrapping_sub(time).cast_signed();
        if version != VERSION || !(-AHEAD..=VALID).contains(&age) {
            return None;
        }
        // The reserved octets are hashed as they came: a later version may use them.
        let head = [version, r1, r2, r3, t3, t2, t1, t0];
        let hash = u64::from_le_bytes(hash);
        // Words are compared at once, and all secrets are tried: the time taken tells nothing of
        // how much of a guess was right.
        let mut matching = secrets.iter().map(|secret| self.hash(secret, head, source) ^ hash == 0);
        let is_first = matching.next().unwrap_or_default();
        let is_other = matching.fold(false, |any, is_match| any | is_match);
        (is_first | is_other)
            .then_some(Verified { server: *server, is_fresh: is_first && age <= FRESH })
    }

    fn make(&self, secret: &Secret, source: IpAddr, now: u32) -> [u8; SERVER] {
        let [t3, t2, t1, t0] = now.to_be_bytes();
        let head = [VERSION, 0, 0, 0, t3, t2, t1, t0];
        let [h0, h1, h2, h3, h4, h5, h6, h7] = self.hash(secret, head, source).to_le_bytes();
        [VERSION, 0, 0, 0, t3, t2, t1, t0, h0, h1, h2, h3, h4, h5, h6, h7]
    }

    /// RFC 9018 section 4.4.
    fn hash(&self, secret: &Secret, head: [u8; 8], source: IpAddr) -> u64 {
        let mut hasher = SipHasher24::new_with_key(secret.octets());
        hasher.write(&self.client);
        hasher.write(&head);
        match source {
            IpAddr::V4(address) => hasher.write(&address.octets()),
            IpAddr::V6(address) => hasher.write(&address.octets()),
        }
        hasher.finish()
    }
}

/// A server's part that was made with one of the secrets, not too long ago.
#[derive(Clone, Copy)]
struct Verified {
    server: [u8; SERVER],
    /// Made with the first secret within the last half hour: the client may go on with it.
    is_fresh: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Problems;
    use proptest::prelude::*;

    fn secrets(lines: &str) -> CookieSecrets {
        CookieSecrets::parse("secrets", lines, &mut Problems::default()).unwrap()
    }

    fn octets(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex.chars().map(|digit| digit.to_digit(16).unwrap() as u8).collect();
        digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
    }

    fn check(secrets: &CookieSecrets, cookie: &str, source: &str, now: u32) -> (bool, Vec<u8>) {
        let checked = QueryCookie::parse(&octets(cookie)).unwrap().check(
            secrets,
            source.parse().unwrap(),
            now,
        );
        (checked.is_valid, checked.answer.to_vec())
    }

    const SECRET: &str = "e5e973e5a6b2a43f48e7dc849e37bfcf";

    #[test]
    fn rfc_9018_appendix_a1_a2_a3() {
        let secrets = secrets(SECRET);
        let (learned, renewed) = (
            "2464c4abcf10c957010000005cf79f111f8130c3eee29480",
            "2464c4abcf10c957010000005cf7a871d4a564a1442aca77",
        );
        let source = "198.51.100.100";
        assert_eq!(
            check(&secrets, "2464c4abcf10c957", source, 1_559_731_985),
            (false, octets(learned)),
            "A.1"
        );
        assert_eq!(check(&secrets, learned, source, 1_559_734_385), (true, octets(renewed)), "A.2");
        // With reserved octets that are not zero.
        let other = "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5";
        assert!(check(&secrets, other, "203.0.113.203", 1_559_727_985).0, "A.3, while it is valid");
        assert_eq!(
            check(&secrets, other, "203.0.113.203", 1_559_734_700),
            (false, octets("fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e")),
            "A.3"
        );
    }

    #[test]
    fn rfc_9018_appendix_a4() {
        let old = "dd3bdf9344b678b185a6f5cb60fca715";
        let new = "445536bcd2513298075a5d379663c962";
        let source = "2001:db8:220:1:59de:d0f4:8769:82b8";
        let made = "22681ab97d52c298010000005cf7c57926556bd0934c72f8";
        assert_eq!(
            check(&secrets(old), "22681ab97d52c298", source, 1_559_741_817),
            (false, octets(made))
        );
        let renewed = (true, octets("22681ab97d52c298010000005cf7c609a6bb79d16625507a"));
        let both = secrets(&format!("{new}\n{old}\n"));
        assert_eq!(check(&both, made, source, 1_559_741_961), renewed);
        // With the new secret alone it is no longer valid.
        assert!(!check(&secrets(new), made, source, 1_559_741_961).0);
    }

    #[test]
    fn a_cookie_is_valid_from_five_minutes_before_to_an_hour_after() {
        let secrets = secrets(SECRET);
        // Across the end of the 32-bit clock as well (RFC 9018 section 4.3).
        for made in [1_800_000_000, 10, u32::MAX - 3] {
            let cookie = QueryCookie { client: [1; 8], server: ServerPart::Absent };
            let source = IpAddr::from([192, 0, 2, 1]);
            let first = cookie.check(&secrets, source, made).answer;
            let cookie = QueryCookie::parse(&first).unwrap();
            for (age, is_valid, is_kept) in [
                (-301, false, false),
                (-300, true, true),
                (0, true, true),
                (1800, true, true),
                (1801, true, false),
                (3600, true, false),
                (3601, false, false),
            ] {
                let checked = cookie.check(&secrets, source, made.wrapping_add_signed(age));
                assert_eq!(checked.is_valid, is_valid, "{made} {age}");
                assert_eq!(checked.answer == first, is_kept, "{made} {age}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_other_octet_address_or_secret_is_refused(
            client in any::<[u8; 8]>(),
            source in any::<[u8; 16]>(),
            secret in any::<[u8; 16]>(),
            now in any::<u32>(),
            octet in 0usize..24,
            change in 1u8..,
        ) {
            let secrets = CookieSecrets::random(secret);
            let source = IpAddr::from(source);
            let cookie = QueryCookie { client, server: ServerPart::Absent };
            let mut octets = cookie.check(&secrets, source, now).answer;
            let good = QueryCookie::parse(&octets).unwrap();
            prop_assert!(good.check(&secrets, source, now).is_valid);
            prop_assert!(!good.check(&secrets, IpAddr::from([192, 0, 2, 1]), now).is_valid);
            let mut other = secret;
            other[octet % 16] ^= change;
            prop_assert!(!good.check(&CookieSecrets::random(other), source, now).is_valid);
            octets[octet] ^= change;
            let bad = QueryCookie::parse(&octets).unwrap();
            prop_assert!(!bad.check(&secrets, source, now).is_valid);
        }
    }
}
