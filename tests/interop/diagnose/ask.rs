//! dig, kdig and drill: how they are asked, and what they print.

use crate::support::tools;
use std::process::Command;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    Dig,
    Kdig,
    Drill,
}

pub const TOOLS: [Tool; 3] = [Tool::Dig, Tool::Kdig, Tool::Drill];
/// Those that can send a client subnet, and show all options.
pub const WITH_OPTIONS: [Tool; 2] = [Tool::Dig, Tool::Kdig];

/// A question to a server on loopback.
#[derive(Clone, Debug)]
pub struct Ask<'a> {
    pub port: u16,
    pub name: &'a str,
    pub qtype: &'a str,
    pub server: &'a str,
    pub tcp: bool,
    pub edns: bool,
    pub subnet: Option<&'a str>,
    /// Further words of the tool's own.
    pub words: &'a [&'a str],
}

/// What was printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    pub status: String,
    pub flags: Vec<String>,
    pub answer: Vec<Line>,
    pub authority: Vec<Line>,
    /// `/SCOPE` of the client subnet.
    pub scope: Option<u8>,
    /// Code, name and words, as `0 (Other): words`.
    pub ede: Option<String>,
    pub nsid: Option<String>,
    /// Octets of the message.
    pub size: usize,
    pub text: String,
}

/// A record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub owner: String,
    pub ttl: u32,
    pub rtype: String,
    pub rdata: String,
}

impl<'a> Ask<'a> {
    /// TXT over UDP with EDNS.
    pub fn txt(port: u16, name: &'a str) -> Self {
        let server = "127.0.0.1";
        Self { port, name, qtype: "TXT", server, tcp: false, edns: true, subnet: None, words: &[] }
    }

    pub fn qtype(self, qtype: &'a str) -> Self {
        Self { qtype, ..self }
    }

    pub fn tcp(self) -> Self {
        Self { tcp: true, ..self }
    }

    /// Asks with a tool: one message, which is not repeated over TCP when it is cut.
    pub fn by(&self, tool: Tool) -> Told {
        let text = tools::output(&mut self.command(tool));
        Told::read(tool, &text)
    }

    fn command(&self, tool: Tool) -> Command {
        let port = self.port.to_string();
        let name = match tool {
            Tool::Dig => "dig",
            Tool::Kdig => "kdig",
            Tool::Drill => "drill",
        };
        let mut command =
            tools::tool_of(name, "install bind9-dnsutils, knot-dnsutils and ldnsutils");
        // None reads a file of the user's, who may have asked for other output.
        command.env("HOME", "/nonexistent");
        if tool == Tool::Drill {
            command.args(["-p", &port]);
            if self.edns {
                command.args(["-b", "1232"]);
            }
            command.args(self.tcp.then_some("-t")).args(self.words);
            command.arg(format!("@{}", self.server)).args([self.name, self.qtype]);
            return command;
        }
        command.arg(format!("@{}", self.server)).args(["-p", &port]);
        let common = "+norecurse +noadflag +ignore +noall +comments +answer +authority +stats";
        let own = if tool == Tool::Dig { "+tries=1 +nocookie" } else { "+retry=0 +header +opt" };
        command.args(common.split(' ').chain(own.split(' ')));
        command.args(if self.edns { &["+edns=0", "+bufsize=1232"][..] } else { &["+noedns"] });
        command.args(self.tcp.then_some("+tcp"));
        command.args(self.subnet.map(|subnet| format!("+subnet={subnet}")));
        command.args(self.words).args(["-q", self.name, "-t", self.qtype]);
        command
    }
}

impl Told {
    fn read(tool: Tool, text: &str) -> Self {
        let after = |key: &str| {
            let line = text.lines().find_map(|line| Some(line.split_once(key)?.1));
            line.map(|rest| rest.split([',', ';']).next().unwrap_or_default().trim().to_owned())
        };
        let whole = |key: &str| {
            text.lines().find_map(|line| Some(line.split_once(key)?.1.trim().to_owned()))
        };
        let number = |text: String| {
            text.trim_end_matches(" B").split(' ').next_back().and_then(|n| n.parse().ok())
        };
        let status = after(if tool == Tool::Drill { "rcode: " } else { "status: " });
        let size = whole("rcvd: ").or_else(|| {
            Some(
                text.lines()
                    .find(|line| line.starts_with(";; Received "))?
                    .trim_start_matches(";; Received ")
                    .to_owned(),
            )
        });
        let mut told = Self {
            status: status.unwrap_or_else(|| panic!("no status in {text}")),
            flags: after("lags: ").expect("flags").split(' ').map(str::to_owned).collect(),
            scope: after("CLIENT-SUBNET: ")
                .and_then(|subnet| subnet.rsplit('/').next().and_then(|scope| scope.parse().ok())),
            ede: whole(" EDE: ").map(|ede| {
                ede.replace(": (", ": '").trim_end_matches([')', '\'']).replacen(": '", ": ", 1)
            }),
            nsid: whole(" NSID: ").and_then(|nsid| Some(nsid.split('"').nth(1)?.to_owned())),
            size: size.and_then(number).unwrap_or_else(|| panic!("no size in {text}")),
            text: text.to_owned(),
            ..Self::default()
        };
        let mut section = None;
        for line in text.lines() {
            if let Some(title) = line.strip_prefix(";; ") {
                section = match title.trim() {
                    "ANSWER SECTION:" => Some(&mut told.answer),
                    "AUTHORITY SECTION:" => Some(&mut told.authority),
                    _ => None,
                };
            } else if let (Some(lines), false) =
                (&mut section, line.is_empty() || line.starts_with(';'))
            {
                lines.push(Line::read(line));
            }
        }
        told
    }

    /// The strings of the only record of the answer, which must be TXT, of TTL 0, with strings
    /// under 255 octets, in a message that any path carries.
    #[track_caller]
    pub fn strings(&self) -> Vec<String> {
        assert_eq!((self.status.as_str(), self.answer.len()), ("NOERROR", 1), "{}", self.text);
        let line = &self.answer[0];
        assert_eq!((line.ttl, line.rtype.as_str()), (0, "TXT"), "{}", self.text);
        assert!(self.flags.contains(&"aa".to_owned()), "{}", self.text);
        let strings = unescape(&line.rdata);
        assert!(strings.iter().all(|string| string.len() < 255), "{strings:?}");
        strings.into_iter().map(|string| String::from_utf8(string).expect("UTF-8")).collect()
    }

    pub fn cut(&self) -> bool {
        self.flags.contains(&"tc".to_owned())
    }
}

impl Line {
    fn read(line: &str) -> Self {
        let mut rest = line;
        let mut word = || {
            let (word, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            rest = after.trim_start();
            word.to_owned()
        };
        let (owner, ttl, _class, rtype) = (word(), word(), word(), word());
        Self { owner, ttl: ttl.parse().expect("a TTL"), rtype, rdata: rest.to_owned() }
    }
}

/// Character strings as master files have them (RFC 1035, 5.1): `\DDD` is an octet, `\X` is X
/// itself.
pub fn unescape(text: &str) -> Vec<Vec<u8>> {
    let (mut out, mut quoted) = (Vec::new(), None::<Vec<u8>>);
    let mut octets = text.bytes();
    while let Some(octet) = octets.next() {
        match (&mut quoted, octet) {
            (None, b'"') => quoted = Some(Vec::new()),
            (None, b' ') => {}
            (None, other) => panic!("{} outside of quotes in {text}", char::from(other)),
            (Some(_), b'"') => out.extend(quoted.take()),
            (Some(string), b'\\') => {
                let next = octets.next().expect("an escaped character");
                if next.is_ascii_digit() {
                    let digits =
                        [next, octets.next().expect("a digit"), octets.next().expect("a digit")];
                    let digits = String::from_utf8(digits.to_vec()).expect("digits");
                    string.push(digits.parse().expect("an octet"));
                } else {
                    string.push(next);
                }
            }
            (Some(string), plain) => string.push(plain),
        }
    }
    assert!(quoted.is_none(), "an open quote in {text}");
    out
}
