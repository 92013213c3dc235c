//! A large network: the shipped zone over a fleet of any size, for tests and benchmarks of how cost
//! grows.
//!
//! Addresses are those for benchmarks (RFC 2544, `198.18.0.0/15`) and documentation (RFC 3849,
//! `2001:db8::/32`).
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests and benchmarks each use their own part of it, and fail by panicking"
)]

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use cvdns_core::geo::country::Country;
use cvdns_core::health::Feed;

/// As many mirrors in as many countries.
#[derive(Clone, Copy)]
pub struct Network {
    pub mirrors: usize,
    pub countries: usize,
}

pub const LARGE: Network = Network { mirrors: 10_000, countries: 200 };

impl Network {
    /// Its configuration with all that it names but the feed, which is `feed.json` beside it. Names
    /// and contents of files.
    pub fn files(self, port: &str) -> [(&'static str, String); 3] {
        let project = Path::new(env!("CARGO_MANIFEST_DIR"));
        let zone = std::fs::read_to_string(project.join("zones/clamav.net.toml")).unwrap();
        let records = format!("'{}'", project.join("zones/clamav.net.zone").display());
        let zone = zone.replace("\"clamav.net.zone\"", &records);
        let database = project.join("geoip/country.mmdb");
        let config = format!(
            "[server]\nlisten = [\"127.0.0.1:{port}\", \"[::1]:{port}\"]\n[[zone]]\nfile = \"zone.toml\"\n\
             [geoip]\ndatabase = '{}'\n[feed]\nsource = \"feed.json\"\nmax-age = \"876000h\"\nmax-loss = 1\n",
            database.display(),
        );
        [("zone.toml", zone), ("mirrors.toml", self.fleet()), ("cvdns.toml", config)]
    }

    /// Writes them; the path of `cvdns.toml`.
    pub fn write(self, directory: &Path) -> PathBuf {
        for (name, content) in self.files("5300") {
            std::fs::write(directory.join(name), content).unwrap();
        }
        directory.join("cvdns.toml")
    }

    fn fleet(self) -> String {
        let countries: Vec<Country> = Country::all().take(self.countries).collect();
        let mut text = String::new();
        for number in 0..self.mirrors {
            let country = countries[number % countries.len()];
            let ipv4 = Ipv4Addr::from_bits(0xc612_0000 + number as u32);
            write!(
                text,
                "[[mirror]]\nhost = \"{}\"\ncountry = \"{country}\"\nipv4 = [\"{ipv4}\"]\n",
                host(number)
            )
            .unwrap();
            if number % 3 != 0 {
                let ipv6 = Ipv6Addr::from_bits((0x2001_0db8 << 96) + number as u128);
                writeln!(text, "ipv6 = [\"{ipv6}\"]").unwrap();
            }
            // Not in step with the countries: each has all of them, in shares of its own.
            let capacity = ["100Mbit/s", "1Gbit/s", "1Gbit/s", "10Gbit/s", "2500Mbit/s"]
                [number * 7919 / 31 % 5];
            writeln!(text, "capacity = \"{capacity}\"").unwrap();
            if number % 500 == 0 {
                text += "pools = [\"other\"]\n";
            }
        }
        text
    }

    /// A feed that names all mirrors, each with the state that `state` gives it.
    pub fn feed_text(self, serial: u64, state: impl Fn(usize) -> &'static str) -> String {
        let mut mirrors = String::new();
        for number in 0..self.mirrors {
            let comma = if number > 0 { "," } else { "" };
            let state = state(number);
            write!(
                mirrors,
                "{comma}\n\"{}\": {{\"state\":\"{state}\",\"since\":\"2026-11-20T02:11:00Z\",\"main\":63,\"daily\":28129,\
                 \"bytecode\":339}}",
                host(number)
            )
            .unwrap();
        }
        format!(
            "{{\"format\":1,\"serial\":{serial},\"generated\":\"2026-11-22T17:00:00Z\",\"release\":{{\"software\":\"1.4.6\",\
             \"main\":63,\"daily\":28129,\"bytecode\":339,\"flevel\":90,\"warn\":true,\"safebrowsing\":49192}},\
             \"mirrors\":{{{mirrors}}}}}"
        )
    }

    pub fn feed(self, serial: u64, state: impl Fn(usize) -> &'static str) -> Feed {
        Feed::parse(self.feed_text(serial, state).as_bytes()).unwrap()
    }
}

pub fn host(number: usize) -> String {
    format!("mirror{number}.example.net")
}
