//! The COOKIE option (RFC 7873 section 4).

/// Octets of the client's part (RFC 7873 section 4).
pub const CLIENT: usize = 8;

/// Octets of the server's part (RFC 9018 section 4).
pub const SERVER: usize = 16;

/// The cookie that an answer carries: the client's part and the server's.
pub type AnswerCookie = [u8; CLIENT + SERVER];

/// The COOKIE option of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueryCookie {
    /// The client's part.
    pub client: [u8; CLIENT],
    /// The server's part.
    pub server: ServerPart,
}

/// The server's part of a cookie in a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerPart {
    /// The client has none yet.
    Absent,
    /// It has another length than those that this server makes.
    Foreign,
    /// It may be one of this server's.
    Known([u8; SERVER]),
}

impl QueryCookie {
    /// Reads the option's data; `None` if it is malformed (RFC 7873 section 5.2.2).
    pub fn parse(data: &[u8]) -> Option<Self> {
        let (client, rest) = data.split_first_chunk()?;
        let server = match rest.len() {
            0 => ServerPart::Absent,
            SERVER => ServerPart::Known(*rest.first_chunk()?),
            8..=32 => ServerPart::Foreign,
            _ => return None,
        };
        Some(Self { client: *client, server })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_follow_rfc_7873_section_4() {
        for length in 0..64 {
            let parsed = QueryCookie::parse(&vec![7; length]);
            assert_eq!(parsed.is_some(), length == 8 || (16..=40).contains(&length), "{length}");
        }
    }
}
