//! What is wrong with a delegation or with a name server.

use std::fmt;

use serde::Serialize;

/// One thing that is wrong, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub severity: Level,
    /// What kind of thing it is: a word that stays the same from version to version.
    pub kind: Kind,
    /// The zone that it concerns.
    pub zone: String,
    /// The name server that it concerns, with its address; `None` if it concerns the whole zone.
    pub server: Option<String>,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub help: &'static str,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    /// Resolvers fail or get wrong answers.
    Error,
    /// It works, but not as well as it should.
    Warning,
}

/// Kinds of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    NotDelegated,
    ParentUnreachable,
    ParentSilent,
    NsMissingAtParent,
    NsOnlyAtParent,
    GlueMissing,
    GlueDiffers,
    NoAddress,
    OneServer,
    DsWithoutKey,
    DsMissing,
    DsOfOtherKeys,
    DsOfUnknownKey,
    DsUnverified,
    KeyWithoutDs,
    ServerUnsigned,
    ServerOtherKeys,
    ServerSignatures,
    Unreachable,
    UdpUnanswered,
    TcpUnanswered,
    Lame,
    NotAuthoritative,
    NsDiffers,
    SerialsDiffer,
    SerialNotOfFile,
    EdnsBroken,
    EdnsVersion,
    EcsNotEchoed,
    EcsEchoed,
    NsidMissing,
    NsidShared,
    NsidVaries,
    NoRoute,
    AnswerDiffers,
    NoSampleAnswer,
    FeedUnread,
}

const SERVE_OR_REMOVE: &str =
    "serve the zone there, or remove the name server from the zone file and from the parent";

impl Kind {
    fn level(self) -> Level {
        match self {
            Self::ParentUnreachable
            | Self::OneServer
            | Self::DsMissing
            | Self::DsOfUnknownKey
            | Self::DsUnverified
            | Self::KeyWithoutDs
            | Self::SerialNotOfFile
            | Self::EdnsVersion
            | Self::NsidMissing
            | Self::NsidShared
            | Self::NsidVaries
            | Self::NoRoute
            | Self::FeedUnread => Level::Warning,
            _ => Level::Error,
        }
    }

    #[allow(clippy::too_many_lines, reason = "a text for each kind")]
    fn help(self) -> &'static str {
        match self {
            Self::NotDelegated => {
                "give the parent's operator the records that `cvdns export delegation` prints"
            }
            Self::ParentUnreachable => "try again; if it stays so, tell the parent's operator",
            Self::ParentSilent => "check the network of this host, and the resolver (--resolver)",
            Self::NsMissingAtParent | Self::NsOnlyAtParent => {
                "make the NS records of the parent and of the zone file the same: \
                 `cvdns export delegation` prints those of the zone file"
            }
            Self::GlueMissing | Self::GlueDiffers => {
                "give the parent's operator the addresses that `cvdns export delegation` prints"
            }
            Self::NoAddress => {
                "add A or AAAA records for it, or name another server in the NS records"
            }
            Self::OneServer => {
                "run a second name server in another network (RFC 1034 section 4.1, RFC 2182)"
            }
            Self::DsWithoutKey => {
                "have the parent remove the DS record, or sign the zone: validating resolvers answer SERVFAIL"
            }
            Self::DsMissing => {
                "give the parent's operator the records that `cvdns keys ds` prints: until then nobody validates the zone"
            }
            Self::DsOfOtherKeys => {
                "have the parent replace them by the records that `cvdns keys ds` prints, at once: validating resolvers answer SERVFAIL"
            }
            Self::DsOfUnknownKey => {
                "have the parent remove it, unless its key is still to come (docs/dnssec.md)"
            }
            Self::DsUnverified => {
                "have the parent replace it by the record that `cvdns keys ds` prints"
            }
            Self::ServerUnsigned => {
                "give the server the zone file with [dnssec] and the keys, or have its zone transferred \
                 signed (docs/dnssec.md): resolvers that validate refuse what it answers"
            }
            Self::ServerOtherKeys => {
                "copy the files of the keys to the server and reload it, or add its keys to those here \
                 (docs/dnssec.md): resolvers that validate refuse what it answers"
            }
            Self::ServerSignatures => {
                "set the clock of the server, and look at its log: resolvers that validate refuse what \
                 it answers"
            }
            Self::KeyWithoutDs => {
                "give the parent's operator the record that `cvdns keys ds` prints before other keys stop to sign"
            }
            Self::Unreachable => {
                "start the server and let UDP and TCP of its port through, or remove the name server \
                 from the zone file and from the parent"
            }
            Self::UdpUnanswered => "let UDP of its port through",
            Self::TcpUnanswered => {
                "let TCP of its port through: truncated answers are asked for again over TCP (RFC 7766)"
            }
            Self::Lame | Self::NotAuthoritative => SERVE_OR_REMOVE,
            Self::NsDiffers => "serve the same zone file on all servers and have them reload it",
            Self::SerialsDiffer | Self::SerialNotOfFile => {
                "copy the zone file to all servers and have them reload it (`cvdns reload`)"
            }
            Self::EdnsBroken | Self::EdnsVersion => {
                "update the server, or the firewall before it that drops or changes queries with EDNS (RFC 6891)"
            }
            Self::EcsNotEchoed => {
                "set `ecs = true` in its [server], or serve these names by cvdns alone: resolvers cache its \
                 answers for all clients"
            }
            Self::EcsEchoed => "set `ecs = false` in its [server], as in this configuration",
            Self::NsidMissing => {
                "set `nsid` in its [server], so that answers show which server gave them"
            }
            Self::NsidShared => "set another `nsid` in [server] of each server",
            Self::NsidVaries => {
                "if several servers share the address that is intended; else find out which other server answers"
            }
            Self::AnswerDiffers => {
                "give the server the configuration and the feed that are here, or check here with those of the server"
            }
            Self::NoRoute => "check again from a host with both IPv4 and IPv6",
            Self::NoSampleAnswer => "ask again with dig, and look at the log of the server",
            Self::FeedUnread => {
                "make the feed readable here: answers are only compared with each other now"
            }
        }
    }

    /// A finding about a zone as a whole.
    pub(super) fn of_zone(self, zone: impl fmt::Display, what: impl Into<String>) -> Finding {
        Finding {
            severity: self.level(),
            kind: self,
            zone: zone.to_string(),
            server: None,
            what: what.into(),
            help: self.help(),
        }
    }

    /// A finding about a name server.
    pub(super) fn of_server(
        self,
        zone: impl fmt::Display,
        server: impl fmt::Display,
        what: impl Into<String>,
    ) -> Finding {
        Finding { server: Some(server.to_string()), ..self.of_zone(zone, what) }
    }
}

impl Finding {
    /// The same where a name server does not answer signed by the zone's keys: new DS records would
    /// have resolvers refuse its answers.
    pub(super) fn while_unsigned(self) -> Self {
        let help = match self.kind {
            Kind::DsMissing | Kind::KeyWithoutDs => {
                "first have every name server answer signed by these keys: a DS record makes \
                 resolvers refuse those that do not"
            }
            Kind::DsOfOtherKeys => {
                "have the parent remove them, at once, and give it those that `cvdns keys ds` prints \
                 when every name server answers signed: validating resolvers answer SERVFAIL"
            }
            _ => self.help,
        };
        Self { help, ..self }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.severity {
            Level::Error => "error",
            Level::Warning => "warning",
        };
        write!(f, "{level}[")?;
        self.kind.serialize(&mut *f)?;
        write!(f, "]: {}: ", self.zone)?;
        if let Some(server) = &self.server {
            write!(f, "{server} ")?;
        }
        write!(f, "{}\n  help: {}", self.what, self.help)
    }
}
